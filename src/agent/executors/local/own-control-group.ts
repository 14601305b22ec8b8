import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { loadCLibrary } from '../../../host/c-library.js'

/** The folder of the control group (version 2) that this process is in; undefined where there is none. */
export function ownControlGroup(): string | undefined {
  try {
    const [, path] = readFileSync('/proc/self/cgroup', 'utf8').match(/^0::(\/.*)$/m) ?? []
    // Above the root of this process's namespace: it cannot be seen from here.
    if (path === undefined || path.startsWith('/..')) return undefined
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
      // Fields 4 and 5 of proc_pid_mountinfo(5): what of the file system is mounted, and where; its type is after the dash.
      const [before = '', after = ''] = line.split(' - ')
      const [, , , root, place] = before.split(' ')
      if (!after.startsWith('cgroup2 ') || root === undefined || place === undefined) continue
      const inside = relative(root, path)
      if (!inside.startsWith('..')) return join(place, inside)
    }
  } catch {
    // No /proc, or not Linux.
  }
  return undefined
}

/**
 * Whether groups may be made in it as far as systemd is concerned, which marks what it leaves to others. Only root could
 * write to a group that is not left to it; all other users are limited by the rights of the folder.
 */
export async function isLeftToUs(path: string): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync('/run/systemd/system')) return true
  const c = await loadCLibrary()
  if (c === undefined) return false
  const attribute = c.declare('long getxattr(const char *path, const char *name, void *value, ulong size)')
  const value = Buffer.alloc(1)
  return ['trusted.delegate', 'user.delegate'].some(
    (name) => Number(attribute(path, name, value, value.length)) === 1 && value.toString() === '1',
  )
}
