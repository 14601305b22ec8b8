import { writeFileSync } from 'node:fs'
import { errorsGuide } from './errors.js'
import { referenceGuide } from './reference.js'
import { settingsGuide } from './settings.js'

/** `npm run docs`: writes the guides that are made of the sources. tests/docs/made-guides.test.ts compares them. */

/** This runs bundled, in a folder below its source. */
const ROOT = new URL('../../../', import.meta.url)

const guides = { errors: errorsGuide, reference: referenceGuide, settings: settingsGuide }

for (const [name, guide] of Object.entries(guides)) {
  writeFileSync(new URL(`docs/${name}.md`, ROOT), guide())
  process.stdout.write(`docs/${name}.md is written.\n`)
}
