/** How many login shells are started at once before anything is known of the target. */
const FIRST = 4
const MOST = 64

/** A login this fast, in ms, is not slowed down by others. */
const FAST_MS = 500

/** So many times as long as the fastest: the logins hold each other up, by a lock or for want of a processor. */
const SLOWED = 2
const UNSLOWED = 1.5

/** By how much the fastest time is forgotten with each login, since what made it fast may have changed. */
const FORGETTING = 1.02

/**
 * How many login shells may start at once. Start files may be slow (nvm, pyenv, conda), and some take a lock, so that
 * ten at once take ten times as long: one more as long as they do not slow each other down, half as many once they do.
 */
export class LoginWindow {
  #size = FIRST
  #fastestMs = Number.POSITIVE_INFINITY
  #halvedAt = Number.NEGATIVE_INFINITY

  get size(): number {
    return this.#size
  }

  /** A login that was asked for at `began` has a shell at `ended`, both in ms of the same clock. */
  took(began: number, ended: number): void {
    const ms = ended - began
    this.#fastestMs = Math.min(this.#fastestMs * FORGETTING, ms)
    if (ms <= FAST_MS || ms <= this.#fastestMs * UNSLOWED) {
      this.#size = Math.min(this.#size + 1, MOST)
    } else if (ms > this.#fastestMs * SLOWED && began >= this.#halvedAt) {
      // Those asked for before the last halving were still as many as then.
      this.#halvedAt = ended
      this.#size = Math.max(Math.floor(this.#size / 2), 1)
    }
  }
}
