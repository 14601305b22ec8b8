/** Calls that one message on a socket may hold: their answers, all at once, have room in a small process. */
export const FRAME_CALLS = 1000
/** Calls that one HTTP batch may hold. */
export const BATCH_CALLS = 100

/** tRPC's own sentence for more of them, which names no number. */
const TOO_MANY = 'Batch call exceeds maximum size'

/** What a caller gets instead of tRPC's own sentence; undefined where that is about something else. */
export function tooManyCalls(message: string): string | undefined {
  if (message !== TOO_MANY) return undefined
  return `A message on a socket holds ${FRAME_CALLS} calls at most, and a batch over HTTP ${BATCH_CALLS}: send them in several.`
}
