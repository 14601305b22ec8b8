/** Process groups by the id of their leader. A group lives on while any member does, leader or not. */

/** Sends a signal to every member; a group that is gone takes it in silence. */
export function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pgid, signal)
  } catch (error) {
    if (!isCode(error, 'ESRCH')) throw error
  }
}

export function groupExists(pgid: number): boolean {
  try {
    process.kill(-pgid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
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

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
