import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { markOf, type ProcessMark } from '../../host/process-mark.js'
import { systemCode } from '../../shared/errors.js'
import type { Ledger } from './ports.js'

/** A command that this agent accepted and has not seen receipted to its end. */
export type Unfinished = { command_id: string; process: ProcessMark | undefined }

type Line =
  | { accepted: string; at: number }
  | { started: string; process: ProcessMark }
  | { settled: string; at: number }

type Entry = { at: number; settled: boolean; process: ProcessMark | undefined }

/** Ids are kept longer than any order may live (a week) and then forgotten at a start. */
const KEEP_MS = 8 * 24 * 3600 * 1000

/**
 * The ledger as a file of JSON lines, appended to before anything is started, and written anew at each start
 * of the agent. A line cut off by a crash is passed over. Appends are not forced to the disk one by one: they
 * survive the death of the process, which is what they are for; after a power cut the machine's processes are
 * gone as well.
 */
export class FileLedger implements Ledger {
  readonly #entries: Map<string, Entry>
  #fd: number

  private constructor(entries: Map<string, Entry>, fd: number) {
    this.#entries = entries
    this.#fd = fd
  }

  static open(folder: string, now = Date.now()): FileLedger {
    const file = join(folder, 'commands.jsonl')
    const entries = read(file)
    for (const [command_id, entry] of entries) {
      if (entry.settled && entry.at < now - KEEP_MS) entries.delete(command_id)
    }
    rewrite(file, entries)
    return new FileLedger(entries, openSync(file, 'a', 0o600))
  }

  has(command_id: string): boolean {
    return this.#entries.has(command_id)
  }

  accept(command_id: string): void {
    const at = Date.now()
    this.#append({ accepted: command_id, at })
    this.#entries.set(command_id, { at, settled: false, process: undefined })
  }

  started(command_id: string, pid: number): void {
    const entry = this.#entries.get(command_id)
    const process = markOf(pid)
    if (!entry || !process) return
    entry.process = process
    this.#tryAppend({ started: command_id, process })
  }

  settled(command_id: string): void {
    const entry = this.#entries.get(command_id)
    if (!entry || entry.settled) return
    entry.settled = true
    entry.at = Date.now()
    entry.process = undefined
    this.#tryAppend({ settled: command_id, at: entry.at })
  }

  unfinished(): Unfinished[] {
    const open: Unfinished[] = []
    for (const [command_id, entry] of this.#entries) {
      if (!entry.settled) open.push({ command_id, process: entry.process })
    }
    return open
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }

  #append(line: Line): void {
    // The leading newline ends a line that a full disk cut short before this one.
    writeSync(this.#fd, `\n${JSON.stringify(line)}`)
  }

  /** What is only a note for a successor: a full disk must not fail the command that already runs. */
  #tryAppend(line: Line): void {
    try {
      this.#append(line)
    } catch {
      // Without the note a successor reports the command as lost, or looks for its process by the environment.
    }
  }
}

function read(file: string): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return entries
    throw error
  }
  for (const row of text.split('\n')) {
    const line = parseLine(row)
    if (!line) continue
    if ('accepted' in line) {
      entries.set(line.accepted, { at: line.at, settled: false, process: undefined })
    } else if ('started' in line) {
      const entry = entries.get(line.started)
      if (entry) entry.process = line.process
    } else {
      const entry = entries.get(line.settled)
      if (entry) Object.assign(entry, { settled: true, at: line.at, process: undefined })
    }
  }
  return entries
}

function parseLine(row: string): Line | undefined {
  if (row === '') return undefined
  try {
    // Only this class writes the file, whole lines of `Line`; a cut one does not parse.
    return JSON.parse(row) as Line
  } catch {
    return undefined
  }
}

function rewrite(file: string, entries: Map<string, Entry>): void {
  const lines: Line[] = []
  for (const [command_id, entry] of entries) {
    lines.push({ accepted: command_id, at: entry.at })
    if (entry.process) lines.push({ started: command_id, process: entry.process })
    if (entry.settled) lines.push({ settled: command_id, at: entry.at })
  }
  const fresh = `${file}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeSync(fd, lines.map((line) => JSON.stringify(line)).join('\n'))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, file)
}
