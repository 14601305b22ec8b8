import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { NewCommand } from '../core/journal.js'

/** Past so many bytes the log is emptied as soon as all of it is in the store. */
const LONG_BYTES = 64 * 1024

/**
 * New commands, appended to a plain file before their order leaves: a write that survives the death of the
 * process in some 20 µs, where the store's commit takes about a millisecond, and far longer while output
 * pours in. The store's commit follows; what a crash cut off from it is read back from here.
 */
export class IntentLog {
  readonly #fd: number
  #open = 0

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#fd = openSync(join(folder, 'intents.jsonl'), 'a+', 0o600)
  }

  /** What was begun and perhaps not stored; a line that a crash cut short is passed over. */
  read(): NewCommand[] {
    return readFileSync(this.#fd, 'utf8').split('\n').flatMap(parseLine)
  }

  /**
   * Writes a command down; false when that is not possible now, so that its order has to wait for the store.
   * `stored` settles when the store has it.
   */
  add(command: NewCommand, stored: Promise<void>): boolean {
    try {
      // The leading newline ends a line that a full disk cut short before this one.
      writeSync(this.#fd, `\n${JSON.stringify(command)}\n`)
    } catch {
      return false
    }
    this.#open += 1
    stored.then(
      () => this.#stored(),
      // The store is closed without it: the line is for the next start.
      () => {},
    )
    return true
  }

  close(): void {
    if (this.#open === 0) ftruncateSync(this.#fd, 0)
    closeSync(this.#fd)
  }

  #stored(): void {
    this.#open -= 1
    if (this.#open === 0 && fstatSync(this.#fd).size > LONG_BYTES) ftruncateSync(this.#fd, 0)
  }
}

function parseLine(line: string): NewCommand[] {
  if (line === '') return []
  try {
    // Only this class writes the file, whole lines of `NewCommand`; a cut one does not parse.
    return [JSON.parse(line) as NewCommand]
  } catch {
    return []
  }
}
