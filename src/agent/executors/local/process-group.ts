/** Process groups by the id of their leader. A group lives on while any member does, leader or not. */
import { sleep } from '../../../shared/async/sleep.js'
import { systemCode } from '../../../shared/errors.js'

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

function groupExists(pgid: number): boolean {
  try {
    process.kill(-pgid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

/**
 * Asks the group to end, waits, forces; resolves once no member is left. False: there was no such group. For systems
 * without /proc, where nothing tells a group from a later one with the same id.
 */
export async function endWholeGroup(pgid: number, graceMs: number): Promise<boolean> {
  if (!groupExists(pgid)) return false
  signalGroup(pgid, 'SIGTERM')
  // A stopped process takes no TERM before it goes on.
  signalGroup(pgid, 'SIGCONT')
  if (await emptyWithin(pgid, graceMs)) return true
  signalGroup(pgid, 'SIGKILL')
  await emptyWithin(pgid, AFTER_KILL_MS)
  return true
}

async function emptyWithin(pgid: number, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  while (groupExists(pgid)) {
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(POLL_MS, left))
  }
  return true
}
