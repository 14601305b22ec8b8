import { HOLE, HOME } from '../programs/invocation.js'

/** A path without `//`, `.` and `..`, and without a slash at its end; the root stays `/`. */
export function normalPath(path: string): string {
  const absolute = path.startsWith('/')
  const kept: string[] = []
  for (const step of path.split('/')) {
    if (step === '' || step === '.') continue
    const last = kept.at(-1)
    if (step !== '..') kept.push(step)
    else if (last !== undefined && last !== '..' && !last.includes(HOLE)) kept.pop()
    else if (!absolute) kept.push(step)
  }
  return absolute ? `/${kept.join('/')}` : kept.join('/') || '.'
}

/** A path seen from a folder; undefined when the path is relative and the folder is not known. */
export function joinPath(folder: string | undefined, path: string): string | undefined {
  // A home folder lies below another one, so that `~/..` leads out of it.
  if (path.startsWith(HOME)) return normalPath(`/home/me${path.slice(HOME.length)}`)
  if (path.startsWith('/')) return normalPath(path)
  if (folder === undefined) return undefined
  return normalPath(`${folder}/${path}`)
}
