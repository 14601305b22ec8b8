import { sleep } from '../../shared/async/sleep.js'

/** Windows of the wait before a lost connection is used again: the first, and the longest that it grows to, in ms. */
export const FIRST_DELAY_MS = 200
export const LONGEST_DELAY_MS = 5000

/** Before a call or a subscription is tried again, in ms, give or take a half. */
const RETRY_MS = 250

/** Waits before another try, not as long as others that failed in the same moment. Rejects with the signal's reason. */
export function retryPause(signal?: AbortSignal): Promise<void> {
  return sleep(RETRY_MS * (0.5 + Math.random()), { signal })
}
