import type { CLibrary } from '../../../host/c-library.js'
import { sleep } from '../../../shared/async/sleep.js'
import type { ControlGroup } from './control-group.js'
import { endWholeGroup, signalGroup } from './process-group.js'
import { isAlive, markedCommand, type ProcessRow, processRow, processTable } from './process-table.js'
import { signalProcess } from './signal-process.js'

export type CommandProcessesOptions = {
  command_id: string
  /** The shell, which leads the first process group and session of the command. */
  leader: number | undefined
  /** Whether the leader's id is still its own: it runs, or its end has not been collected. */
  isLeaderOurs: () => boolean
  /** Without it the check for a later process with this id comes just before the signal, not in the same step. */
  c: CLibrary | undefined
  /** Where it has one of its own. */
  controlGroup?: ControlGroup | undefined
}

/** How often processes that were asked to end are looked at, in ms. */
const POLL_MS = 25
/** Looking takes at most such a part of the time. */
const LOOKING = 1 / 8
/** After KILL a process is gone at once, unless it hangs in the kernel: then there is no more to do. */
const AFTER_KILL_MS = 1000

/**
 * The processes of one command, wherever they have moved: the group and session of its shell; all that carry the
 * command's id in their environment; what any of these has started; and the sessions that those have opened, into which
 * no other process can come. What was found once is known from then on by its id and start. A process that has left
 * all of these, with a cleared environment and after its parent has ended, is found by the control group alone.
 */
export class CommandProcesses {
  readonly #options: CommandProcessesOptions
  readonly #known = new Map<number, string>()
  /** A table from before the command was started does not have it. */
  readonly #since = performance.now()

  constructor(options: CommandProcessesOptions) {
    this.#options = options
  }

  /** Asks all of them to end, waits, forces; resolves once none is alive. False: there was none. */
  async end(graceMs: number): Promise<boolean> {
    if (processTable() === undefined) return this.#endUnseen(graceMs)
    return this.#end(() => this.#living(), graceMs, this.#options.controlGroup)
  }

  /** The same for the process group of the shell alone: what has left it may go on after the command. */
  async endGroup(graceMs: number): Promise<boolean> {
    if (processTable() === undefined) return this.#endUnseen(graceMs)
    const { leader } = this.#options
    return this.#end(() => this.#living().filter(({ pgid }) => pgid === leader), graceMs)
  }

  /** Without /proc nothing but the group can be found. */
  async #endUnseen(graceMs: number): Promise<boolean> {
    const { leader } = this.#options
    return leader !== undefined && endWholeGroup(leader, graceMs)
  }

  async #end(find: () => ProcessRow[], graceMs: number, group?: ControlGroup): Promise<boolean> {
    const isEmpty = () => find().length === 0 && group?.isPopulated !== true
    const members = find()
    if (members.length === 0 && group?.isPopulated !== true) return false
    this.#signal(members, 'SIGTERM')
    // A stopped process takes no TERM before it goes on.
    this.#signal(members, 'SIGCONT')
    if (await isSoWithin(isEmpty, graceMs)) return true
    const deadline = performance.now() + AFTER_KILL_MS
    do {
      // Again each time: one that was being started meanwhile was not among them.
      group?.kill()
      this.#signal(find(), 'SIGKILL')
    } while (!(await isSoWithin(isEmpty, POLL_MS)) && performance.now() < deadline)
    return true
  }

  #signal(members: ProcessRow[], signal: NodeJS.Signals): void {
    const { leader, isLeaderOurs, c } = this.#options
    // At once for a whole group, so that it cannot grow meanwhile; only while its id cannot be another's.
    const wholeGroup = leader !== undefined && isLeaderOurs() ? leader : undefined
    if (wholeGroup !== undefined && members.some(({ pgid }) => pgid === wholeGroup))
      signalGroup(wholeGroup, signal)
    for (const member of members) if (member.pgid !== wholeGroup) signalProcess(c, member, signal)
  }

  #living(): ProcessRow[] {
    const enclosed = new Map(this.#options.controlGroup?.processes().map((row) => [row.pid, row]))
    const others = (processTable(this.#since) ?? []).filter(({ pid }) => !enclosed.has(pid))
    const seeds = [...enclosed.values(), ...others.filter((row) => this.#isMember(row))]
    const members = withDescendants([...enclosed.values(), ...others], seeds).filter(isAlive)
    this.#known.clear()
    for (const { pid, started } of members) this.#known.set(pid, started)
    return members
  }

  #isMember(row: ProcessRow): boolean {
    // Neither the first process nor what belongs to the kernel.
    if (row.pid === 1 || row.sid === 0) return false
    if (this.#known.get(row.pid) === row.started) return true
    const { leader, isLeaderOurs, command_id } = this.#options
    if ((row.pgid === leader || row.sid === leader) && isLeaderOurs()) return true
    return isAlive(row) && markedCommand(row) === command_id
  }
}

/** With all that was started by one of these, or is in a session that one of these is in. */
function withDescendants(rows: ProcessRow[], seeds: ProcessRow[]): ProcessRow[] {
  if (seeds.length === 0) return []
  const ownSession = processRow(process.pid)?.sid
  const byParent = grouped(rows, ({ ppid }) => ppid)
  const bySession = grouped(rows, ({ sid }) => sid)
  const members = new Set<ProcessRow>()
  const sessions = new Set<number>([0, ...(ownSession === undefined ? [] : [ownSession])])
  const waiting = [...seeds]
  for (let row = waiting.pop(); row; row = waiting.pop()) {
    if (members.has(row)) continue
    members.add(row)
    waiting.push(...(byParent.get(row.pid) ?? []))
    if (sessions.has(row.sid)) continue
    sessions.add(row.sid)
    waiting.push(...(bySession.get(row.sid) ?? []))
  }
  return [...members]
}

function grouped(rows: ProcessRow[], key: (row: ProcessRow) => number): Map<number, ProcessRow[]> {
  const groups = new Map<number, ProcessRow[]>()
  for (const row of rows) {
    const group = groups.get(key(row))
    if (group) group.push(row)
    else groups.set(key(row), [row])
  }
  return groups
}

async function isSoWithin(isSo: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  while (true) {
    const began = performance.now()
    if (isSo()) return true
    const now = performance.now()
    if (now >= deadline) return false
    await sleep(Math.min(Math.max(POLL_MS, (now - began) / LOOKING), deadline - now))
  }
}
