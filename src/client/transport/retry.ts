import { sleep } from '../../shared/async/sleep.js'
import type { OgentError } from '../../shared/errors.js'

/** Windows of the wait before a lost connection is used again: the first, and the longest that it grows to, in ms. */
export const FIRST_DELAY_MS = 200
export const LONGEST_DELAY_MS = 5000

/** Before a call or a subscription is tried again, in ms, give or take a half. */
const RETRY_MS = 250

/** No controller is waited for longer than this at a time, in ms, also where it says so. */
const LONGEST_TOLD_MS = 3_600_000

/** Milliseconds that the controller says to wait before another try, as `retry_after_seconds`; 0 where it says nothing. */
export function toldWait({
  retry_after_seconds = 0,
}: Pick<Partial<OgentError>, 'retry_after_seconds'>): number {
  return Math.min(retry_after_seconds * 1000, LONGEST_TOLD_MS)
}

/**
 * Waits before another try, as long as the error says and a moment more: not as long as others that failed in the same
 * moment. Rejects with the signal's reason.
 */
export function retryPause(signal?: AbortSignal, error?: OgentError): Promise<void> {
  return sleep((error ? toldWait(error) : 0) + RETRY_MS * (0.5 + Math.random()), { signal })
}
