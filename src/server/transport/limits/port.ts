/** What bounds how much each key takes in a time, in words of our own: declarations of the package lead here. */

export type LimiterOptions = {
  /** Tells it from the others of its store. */
  name: string
  /** What one key may take in `seconds`. */
  points: number
  /** How long it counts what a key has taken, from the first of it on. */
  seconds: number
}

/** What a key has left. */
export type Allowance = {
  remaining: number
  /** When all of it is there again, in ms from now; 0 where nothing was taken. */
  resetMs: number
}

export type Taken = Allowance & { allowed: boolean }

export interface Limiter {
  /** What a key has left, and takes nothing. */
  get(key: string): Promise<Allowance>
  /** Takes of a key, one point unless more are named; `allowed`: it had that much. What it had not is taken all the same. */
  take(key: string, points?: number): Promise<Taken>
  /** Takes all that a key has, for the whole time from now on; here as well, where the store may be lost. */
  exhaust(key: string): Promise<void>
  /** Gives back one that was taken. */
  giveBack(key: string): Promise<void>
  /** Forgets what a key has taken. */
  clear(key: string): Promise<void>
}
