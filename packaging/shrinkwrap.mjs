// Locks what users install: npm heeds the npm-shrinkwrap.json of a package, where it passes over its package-lock.json.
// `npm pack` makes one before it packs, of the packages that users get, and takes it away again (--remove).
import { rmSync, writeFileSync } from 'node:fs'
import { userLock } from './user-lock.mjs'

const SHRINKWRAP = 'npm-shrinkwrap.json'

if (process.argv.includes('--remove')) rmSync(SHRINKWRAP, { force: true })
else writeFileSync(SHRINKWRAP, `${JSON.stringify(userLock(), null, 2)}\n`)
