import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file of the user's own whole or not at all: who reads it after a crash or a power cut finds what was there
 * before, or all of the new. `fresh` is the name that it has until then.
 */
export function writeWholeFile(file: string, text: string, fresh = `${file}.new`): void {
  const descriptor = openSync(fresh, 'w', 0o600)
  try {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
    // Before the rename: else the name may outlive a power cut, and the text may not.
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(fresh, file)
  syncFolder(dirname(file))
}

/** Makes the new name last as well, where the file system can do that for a folder. */
function syncFolder(folder: string): void {
  let descriptor: number | undefined
  try {
    descriptor = openSync(folder, 'r')
    fsyncSync(descriptor)
  } catch {
    // Such as EINVAL of some network file systems: the file is whole all the same.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
