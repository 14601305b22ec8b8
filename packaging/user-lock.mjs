import { readFileSync } from 'node:fs'

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))

/** The lock file without what is for development alone, and without a word on where packages came from. */
export function userLock() {
  const { packages, ...lock } = readJson('package-lock.json')
  const kept = Object.entries(packages).filter(([, { dev }]) => !dev)
  const entries = kept.map(([at, { resolved: _source, devDependencies: _forUs, ...entry }]) => [at, entry])
  return { ...lock, packages: Object.fromEntries(entries) }
}

/** The manifest as users see it, with nothing to run. */
export function userManifest() {
  const { devDependencies: _forUs, scripts: _scripts, ...manifest } = readJson('package.json')
  return manifest
}
