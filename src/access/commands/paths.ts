/** Paths as texts: what a file system has behind them, such as links, is not looked at. */

/** An absolute path without `.`, `..` and doubled slashes; undefined for any other text. */
export function resolvedPath(path: string): string | undefined {
  if (!path.startsWith('/') || path.includes('\0')) return undefined
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return `/${names.join('/')}`
}

/** Whether a resolved path is a folder or below it. */
export function isUnder(path: string, folder: string): boolean {
  const base = resolvedPath(folder)
  if (base === undefined) return false
  return base === '/' || path === base || path.startsWith(`${base}/`)
}
