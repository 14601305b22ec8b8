import { readFileSync, writeFileSync } from 'node:fs'
import { pictureOf } from './picture.js'
import { castOf } from './recording.js'
import { record, storyOfReadme } from './story.js'

/** `npm run picture`: records the story of the README and draws its picture; with `--again` only draws it, from the last recording. */

/** This runs bundled, in a folder below its source. */
const ROOT = new URL('../../../', import.meta.url)
const RECORDING = new URL('packaging/picture/recording.cast', ROOT)
const PICTURE = new URL('docs/pictures/ogent.svg', ROOT)

if (!process.argv.includes('--again')) {
  process.stdout.write('A controller, three agents and a shell are at work, for about half a minute.\n')
  writeFileSync(RECORDING, castOf(await record(storyOfReadme, ROOT)))
}
const svg = await pictureOf(readFileSync(RECORDING, 'utf8'))
writeFileSync(PICTURE, svg)
process.stdout.write(`docs/pictures/ogent.svg has ${Buffer.byteLength(svg)} bytes.\n`)
