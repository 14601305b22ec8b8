import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { markOf, type ProcessMark } from '../../host/process-mark.js'
import { OgentError, systemCode } from '../../shared/errors.js'
import type { Ledger } from './ports.js'

/** A command that this agent accepted and has not seen receipted to its end. */
export type Unfinished = { command_id: string; process: ProcessMark | undefined }

/** `accepted`: it may have been started; `started`: its process is known; `settled`: the controller has its result. */
type Entry =
  | { state: 'accepted'; at: number }
  | { state: 'started'; at: number; process: ProcessMark }
  | { state: 'settled'; at: number }

type Line =
  | { accepted: string; at: number }
  | { started: string; process: ProcessMark }
  | { settled: string; at: number }

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
  /** Undefined once it is closed. */
  #fd: number | undefined

  private constructor(entries: Map<string, Entry>, fd: number) {
    this.#entries = entries
    this.#fd = fd
  }

  static open(folder: string, now = Date.now()): FileLedger {
    const file = join(folder, 'commands.jsonl')
    const entries = read(file)
    for (const [command_id, entry] of entries) {
      if (entry.state === 'settled' && entry.at < now - KEEP_MS) entries.delete(command_id)
    }
    rewrite(file, entries)
    return new FileLedger(entries, openSync(file, 'a', 0o600))
  }

  has(command_id: string): boolean {
    return this.#entries.has(command_id)
  }

  accept(command_id: string): void {
    const line = { accepted: command_id, at: Date.now() }
    if (!follows(line, this.#entries)) {
      throw new OgentError('INTERNAL', `The command ${command_id} is in the ledger already.`)
    }
    this.#append(line)
    enter(line, this.#entries)
  }

  started(command_id: string, pid: number): void {
    const process = markOf(pid)
    if (process) this.#note({ started: command_id, process })
  }

  settled(command_id: string): void {
    this.#note({ settled: command_id, at: Date.now() })
  }

  unfinished(): Unfinished[] {
    const open: Unfinished[] = []
    for (const [command_id, entry] of this.#entries) {
      if (entry.state === 'settled') continue
      open.push({ command_id, process: entry.state === 'started' ? entry.process : undefined })
    }
    return open
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** Passes over what does not follow, such as the end of a command that was never accepted. */
  #note(line: Line): void {
    if (!follows(line, this.#entries)) return
    enter(line, this.#entries)
    try {
      this.#append(line)
    } catch {
      // Only a successor reads it: a full disk must not fail the command that already runs. Without the note it
      // reports the command as lost, or looks for its process by the environment.
    }
  }

  #append(line: Line): void {
    if (this.#fd === undefined) throw new OgentError('CLOSED', 'The ledger is closed.')
    // The leading newline ends a line that a full disk cut short before this one.
    writeAll(this.#fd, `\n${JSON.stringify(line)}`)
  }
}

/** Whether a line may come next, after those that made these entries. */
function follows(line: Line, entries: Map<string, Entry>): boolean {
  if ('accepted' in line) return !entries.has(line.accepted)
  if ('started' in line) return entries.get(line.started)?.state === 'accepted'
  const state = entries.get(line.settled)?.state
  return state === 'accepted' || state === 'started'
}

/** Enters a line that follows. */
function enter(line: Line, entries: Map<string, Entry>): void {
  if ('accepted' in line) {
    entries.set(line.accepted, { state: 'accepted', at: line.at })
  } else if ('started' in line) {
    const { at = 0 } = entries.get(line.started) ?? {}
    entries.set(line.started, { state: 'started', at, process: line.process })
  } else {
    entries.set(line.settled, { state: 'settled', at: line.at })
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
    if (line && follows(line, entries)) enter(line, entries)
  }
  return entries
}

/** Undefined for a line that was cut, or that a fault of the disk has put there. */
function parseLine(row: string): Line | undefined {
  if (row === '') return undefined
  let line: unknown
  try {
    line = JSON.parse(row)
  } catch {
    return undefined
  }
  if (typeof line !== 'object' || line === null) return undefined
  const isLine = 'accepted' in line || 'started' in line || 'settled' in line
  // Only this class writes the file, whole lines of `Line`, each an object with one of these names.
  return isLine ? (line as Line) : undefined
}

function rewrite(file: string, entries: Map<string, Entry>): void {
  const lines: Line[] = []
  for (const [command_id, entry] of entries) {
    lines.push({ accepted: command_id, at: entry.at })
    if (entry.state === 'started') lines.push({ started: command_id, process: entry.process })
    if (entry.state === 'settled') lines.push({ settled: command_id, at: entry.at })
  }
  const fresh = `${file}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeAll(fd, lines.map((line) => JSON.stringify(line)).join('\n'))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, file)
}

/** All of it, or it throws: a disk that is nearly full takes a part, and says so only when it is given the rest. */
function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
}
