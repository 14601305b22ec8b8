import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { decodeKept, frameEncoder } from '../../../shared/wire/frame-codec.js'
import type { Entry, NewCommand } from '../port.js'

/** A file is written for so long, in ms, before the other takes its place, or it is emptied where nothing is open. */
const TURN_MS = 1000

/** The last entries of a command, with its result, that the store did not have yet. */
export type End = { command_id: string; entries: Entry[] }

/** What was written down and perhaps not stored. */
export type Intents = { commands: NewCommand[]; ends: End[] }

type File = { fd: number; empty: boolean; open: number }

/**
 * What must survive the death of the process before it goes any further: new commands before their order leaves, ends
 * before any subscriber sees them. They are appended to a plain file, which takes some 20 µs, where the store's commit takes
 * milliseconds, and far longer while output pours in. The commit follows; what a crash cut off from it is read back from here.
 * Orders have secrets in them: a line is gone a moment after the store has what it says. For that there are two files, which take
 * turns, since one that is always written to could never be emptied.
 */
export class WriteAheadLog {
  readonly #files: [current: File, other: File]
  #timer: NodeJS.Timeout | undefined

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const open = (name: string): File => ({
      fd: openSync(join(folder, name), 'a+', 0o600),
      empty: false,
      open: 0,
    })
    this.#files = [open('intents.jsonl'), open('intents-2.jsonl')]
  }

  /** In the order of writing; a line that a crash cut short is passed over. */
  read(): Intents {
    const lines = this.#files.flatMap(({ fd }) => readFileSync(fd, 'utf8').split('\n').flatMap(parseLine))
    return {
      commands: lines.flatMap((line) => ('record' in line ? [line] : [])),
      ends: lines.flatMap((line) => ('end' in line ? [endOf(line.end)] : [])),
    }
  }

  /** Forgets what was read, once `stored` has settled: all of it is in the store. */
  forget(stored: Promise<unknown>): void {
    for (const file of this.#files) this.#hold(file, stored)
  }

  /**
   * Writes a command down; false when that is not possible now, so that its order has to wait for the store.
   * `stored` settles when the store has it.
   */
  add(command: NewCommand, stored: Promise<void>): boolean {
    return this.#write(command, stored)
  }

  /** As `add`, for how a command ended. */
  addEnd(end: End, stored: Promise<void>): boolean {
    return this.#write({ end: Buffer.from(frameEncoder.encode(end)).toString('base64') }, stored)
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const file of this.#files) {
      this.#emptyIfDone(file)
      closeSync(file.fd)
    }
  }

  #write(line: Line, stored: Promise<void>): boolean {
    const [file] = this.#files
    try {
      // The leading newline ends a line that a full disk cut short before this one.
      writeSync(file.fd, `\n${JSON.stringify(line)}\n`)
    } catch {
      return false
    }
    this.#hold(file, stored)
    return true
  }

  #hold(file: File, stored: Promise<unknown>): void {
    file.empty = false
    file.open += 1
    this.#timer ??= setTimeout(() => this.#turn(), TURN_MS).unref()
    stored.then(
      () => {
        file.open -= 1
      },
      // The store is closed without it: the line is for the next start.
      () => {},
    )
  }

  #turn(): void {
    this.#timer = undefined
    for (const file of this.#files) this.#emptyIfDone(file)
    const [current, other] = this.#files
    if (!current.empty && other.empty) this.#files.reverse()
    if (!current.empty || !other.empty) this.#timer = setTimeout(() => this.#turn(), TURN_MS).unref()
  }

  #emptyIfDone(file: File): void {
    if (file.empty || file.open > 0) return
    ftruncateSync(file.fd, 0)
    file.empty = true
  }
}

type Line = NewCommand | { end: string }

function parseLine(line: string): Line[] {
  if (line === '') return []
  try {
    // Only this class writes the file, whole lines; a cut one does not parse.
    return [JSON.parse(line) as Line]
  } catch {
    return []
  }
}

function endOf(text: string): End {
  // Only `addEnd` writes them.
  return decodeKept(Buffer.from(text, 'base64')) as End
}
