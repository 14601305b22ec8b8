import { withTimeout } from '../../../shared/async/timeout.js'

/** A quiet reply gets a comment, or a blank, so often, in ms: proxies drop what is silent. */
const QUIET_MS = 15_000

export const QUIET: unique symbol = Symbol('quiet')

/** What comes, or QUIET when that takes long: it may be asked for again. */
export function orQuiet<T>(next: Promise<T>): Promise<T | typeof QUIET> {
  return withTimeout(next, QUIET_MS, () => QUIET)
}
