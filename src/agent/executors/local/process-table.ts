import { readdirSync, readFileSync } from 'node:fs'
import { COMMAND_ID_VARIABLE } from '../environment.js'

/** A process as /proc shows it, by the fields of proc(5). */
export type ProcessRow = {
  pid: number
  /** Z or X: it has ended and waits to be collected. */
  state: string
  ppid: number
  pgid: number
  sid: number
  /** In clock ticks since boot: with the id it tells a process from a later one with the same id. */
  started: string
}

/** A table is read once for all that look within so many ms. */
const TABLE_MS = 10

/** Reading takes some 15 µs a process, so a table is good for all commands that are being ended. */
let table: { rows: ProcessRow[]; began: number; at: number } | undefined

/**
 * What runs on this machine but this process itself; undefined where there is no /proc. It is never older than `since`,
 * on the clock of `performance`.
 */
export function processTable(since = 0): ProcessRow[] | undefined {
  const began = performance.now()
  if (table && began - table.at < TABLE_MS && table.began >= since) return table.rows
  let names: string[]
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return undefined
  }
  const rows = names.flatMap((name) => (Number(name) === process.pid ? [] : (processRow(Number(name)) ?? [])))
  // Without a single other process it is not a /proc of processes.
  if (!names.includes(String(process.pid))) return undefined
  forgetMarks(rows)
  table = { rows, began, at: performance.now() }
  return rows
}

export function processRow(pid: number): ProcessRow | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in field 2 may hold spaces and brackets: count from the last bracket on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state = '', ppid, pgid, sid] = fields
    return { pid, state, ppid: Number(ppid), pgid: Number(pgid), sid: Number(sid), started: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

export function isAlive({ state }: ProcessRow): boolean {
  return state !== 'Z' && state !== 'X'
}

/** Of processes that were looked at before: a program cannot get a mark that its parent does not have. */
const marks = new Map<number, { started: string; command_id: string | undefined }>()

/** The command that is named in the environment of a process; undefined where that is another user's. */
export function markedCommand({ pid, started }: ProcessRow): string | undefined {
  const before = marks.get(pid)
  if (before?.started === started) return before.command_id
  const command_id = readMark(pid)
  marks.set(pid, { started, command_id })
  return command_id
}

function readMark(pid: number): string | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return variables.find((entry) => entry.startsWith(MARK))?.slice(MARK.length)
  } catch {
    return undefined
  }
}

const MARK = `${COMMAND_ID_VARIABLE}=`

function forgetMarks(rows: ProcessRow[]): void {
  if (marks.size === 0) return
  const here = new Set(rows.map(({ pid }) => pid))
  for (const pid of marks.keys()) if (!here.has(pid)) marks.delete(pid)
}
