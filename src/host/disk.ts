import { statfs } from 'node:fs/promises'

/** The file system of a folder: what this user may still write, and all of it. */
export async function diskOf(folder: string): Promise<{ free_bytes: number; size_bytes: number }> {
  const { bsize, bavail, blocks } = await statfs(folder)
  return { free_bytes: bavail * bsize, size_bytes: blocks * bsize }
}
