/** Set by a process that launches a role as a part of itself, together with an IPC channel that no other holds. */
export const ENDS_WITH_LAUNCHER = 'OGENT_ENDS_WITH_LAUNCHER'

/**
 * Calls `act` with 1 when this process is asked to end: by SIGTERM or SIGINT, because its terminal is gone, or because the
 * process that launched it has died, even by kill -9. Another SIGTERM or SIGINT calls again, with 2 and so on: more haste.
 */
export function onEndRequest(act: (times: number) => void): void {
  let times = 0
  const request = () => {
    times += 1
    act(times)
  }
  // The kernel and the shell both send SIGHUP when a terminal is closed: a second one is no wish for haste.
  const requestOnce = () => {
    if (times === 0) request()
  }
  process.on('SIGTERM', request)
  process.on('SIGINT', request)
  process.on('SIGHUP', requestOnce)
  if (process.env[ENDS_WITH_LAUNCHER] === undefined || process.channel === undefined) return
  process.once('disconnect', requestOnce)
  // It watches, and keeps nothing alive that has done its work.
  process.channel.unref()
}
