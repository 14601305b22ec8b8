// Accepts ids one after the other for as long as that works, and says each id that was accepted; then the error's code.
import { writeSync } from 'node:fs'
import { FileLedger } from '../../../dist/agent/commands/ledger.js'

const ledger = FileLedger.open(process.argv[2])
for (let n = 0; ; n++) {
  try {
    ledger.accept(`command-${n}`)
  } catch (error) {
    writeSync(1, `${error.code}\n`)
    break
  }
  writeSync(1, `command-${n}\n`)
}
