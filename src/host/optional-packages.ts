import { readFileSync } from 'node:fs'

/** What a person types to install packages that are optional, in versions that this package was tested with. */
export function installCommand(names: readonly string[]): string {
  const versions = optionalVersions()
  const wanted = names.map((name) => (versions[name] === undefined ? name : `${name}@${versions[name]}`))
  return `npm install ${wanted.join(' ')}`
}

/** Whether an import failed since a package is not installed: that of the import itself, or one that it needs. */
export function isNotInstalled(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}

/** Empty in the one bundled file, which has no package.json beside it. */
function optionalVersions(): Record<string, string | undefined> {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    const manifest: Record<string, Record<string, string> | undefined> = JSON.parse(text)
    return { ...manifest.peerDependencies, ...manifest.optionalDependencies }
  } catch {
    return {}
  }
}
