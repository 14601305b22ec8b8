import { execFileSync } from 'node:child_process'
import { temporaryFolder } from './folder.js'
import { servicesRequired } from './services.js'

/** A file system of its own in memory, which takes root; undefined where that may not be. */
export function smallDisk(megabytes: number): (Disposable & { path: string }) | undefined {
  const folder = temporaryFolder('ogent-disk-')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder.path], {
      stdio: 'ignore',
    })
  } catch (error) {
    folder[Symbol.dispose]()
    if (servicesRequired) throw error
    return undefined
  }
  return {
    path: folder.path,
    [Symbol.dispose]: () => {
      execFileSync('umount', ['--lazy', folder.path])
      folder[Symbol.dispose]()
    },
  }
}
