import { messageOf } from '../shared/errors.js'

/**
 * Ctrl-C cancels what runs, and its end is waited for; a second one leaves at once. The returned function gives the
 * signals back.
 */
export function cancelOnInterrupt(
  cancel: () => Promise<unknown>,
  say: (sentence: string) => void,
): () => void {
  let asked = false
  const onSignal = () => {
    if (asked) process.exit(130)
    asked = true
    say('cancelling; again to leave at once')
    cancel().catch((error) => say(messageOf(error)))
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    for (const signal of signals) process.removeListener(signal, onSignal)
  }
}
