import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../support/folder.js'
import { type Row, tableOf } from './rows.js'

/** Gathers the rows of all files of a long run, and prints them as one table. */
export default function gather(): () => void {
  const folder = temporaryFolder('ogent-soak-')
  const file = join(folder.path, 'rows.jsonl')
  writeFileSync(file, '')
  const seed = process.env.OGENT_SEED ?? String(Math.floor(Math.random() * 2 ** 31))
  // Workers start with this environment: one seed for all files.
  Object.assign(process.env, { OGENT_FAULTS: 'long', OGENT_FAULTS_REPORT: file, OGENT_SEED: seed })
  return () => {
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
    // Written by `report`, one row a line.
    process.stdout.write(
      tableOf(
        Number(seed),
        lines.map((line) => JSON.parse(line) as Row),
      ),
    )
    folder[Symbol.dispose]()
  }
}
