import { messageOf, OgentError } from '../../shared/errors.js'

/**
 * Ctrl-C cancels what runs, and its end is waited for; a second one leaves at once. So does SIGTERM, and a terminal that
 * is closed cancels too. The returned function gives the signals back.
 */
export function cancelOnInterrupt(
  cancel: () => Promise<unknown>,
  say: (sentence: string) => void,
): () => void {
  let asked = false
  const ask = () => {
    asked = true
    cancel().catch((error) => {
      if (!hasEndedMeanwhile(error)) say(messageOf(error))
    })
  }
  const onInterrupt = () => {
    if (asked) process.exit(130)
    say('cancelling; again to leave at once')
    ask()
  }
  // The kernel and the shell both send it when a terminal is closed, so a second one is no wish to leave at once.
  const onHangUp = () => {
    if (!asked) ask()
  }
  const listeners = [
    ['SIGINT', onInterrupt],
    ['SIGTERM', onInterrupt],
    ['SIGHUP', onHangUp],
  ] as const
  for (const [signal, listener] of listeners) process.on(signal, listener)
  return () => {
    for (const [signal, listener] of listeners) process.removeListener(signal, listener)
  }
}

/** The command ended before its cancel was answered, which is what was wanted; its end is reported anyway. */
function hasEndedMeanwhile(error: unknown): boolean {
  return error instanceof OgentError && (error.code === 'CLOSED' || error.code === 'COMMAND_ENDED')
}
