/** Process groups by the id of their leader. A group lives on while any member does, leader or not. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemCode } from '../../shared/errors.js'

/** How often a group that was asked to end is looked at, in ms. */
const POLL_MS = 25
/** After KILL a process is gone at once, unless it hangs in the kernel: then there is no more to do. */
const AFTER_KILL_MS = 1000

/** Sends a signal to every member that may be sent one; a group that is gone takes it in silence. */
export function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pgid, signal)
  } catch (error) {
    // EPERM: every member runs as another user (sudo). It goes on, and so does the agent.
    if (!['ESRCH', 'EPERM'].includes(String(systemCode(error)))) throw error
  }
}

export function groupExists(pgid: number): boolean {
  try {
    process.kill(-pgid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

/**
 * Asks the group to end, waits, forces. The returned function gives up the forcing, for a group that has
 * ended by then: its number may be somebody else's later.
 */
export function endGroup(pgid: number, graceMs: number): () => void {
  signalGroup(pgid, 'SIGTERM')
  // A stopped process takes no TERM before it goes on.
  signalGroup(pgid, 'SIGCONT')
  const timer = setTimeout(() => signalGroup(pgid, 'SIGKILL'), graceMs)
  return () => clearTimeout(timer)
}

/**
 * Asks the group to end, waits, forces; resolves once no member lives. False: there was no such group. Its
 * number cannot become somebody else's while it is looked at, since it is let go of as soon as it is empty.
 */
export async function endWholeGroup(pgid: number, graceMs: number): Promise<boolean> {
  if (!groupLives(pgid)) return false
  signalGroup(pgid, 'SIGTERM')
  signalGroup(pgid, 'SIGCONT')
  if (await emptyWithin(pgid, graceMs)) return true
  signalGroup(pgid, 'SIGKILL')
  await emptyWithin(pgid, AFTER_KILL_MS)
  return true
}

async function emptyWithin(pgid: number, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  while (groupLives(pgid)) {
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(POLL_MS, left))
  }
  return true
}

/** Whether a member does more than wait to be reaped: where nobody reaps, a dead child keeps its group for ever. */
function groupLives(pgid: number): boolean {
  if (!groupExists(pgid)) return false
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isLivingMember(name, pgid))
  } catch {
    return true
  }
}

function isLivingMember(pid: string, pgid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // State and group are fields 3 and 5 of proc(5), counted from the bracket that ends the name in field 2.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(group) === pgid && state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}
