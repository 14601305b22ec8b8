import { writeFileSync } from 'node:fs'
import { errorsGuide } from './errors.js'

/** `npm run docs`: writes the guides that are made of the sources. tests/docs/made-guides.test.ts compares them. */

/** This runs bundled, in a folder below its source. */
const ROOT = new URL('../../../', import.meta.url)

writeFileSync(new URL('docs/errors.md', ROOT), errorsGuide())
process.stdout.write('docs/errors.md is written.\n')
