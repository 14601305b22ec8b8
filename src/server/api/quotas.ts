import { OgentError } from '../../shared/errors.js'

/** Counts what each user holds open, and says when it is enough. */
export class Quota {
  readonly #what: string
  readonly #limit: number
  readonly #held = new Map<string, number>()

  /** `what` names the things in the message to one who has too many, such as `connections`. */
  constructor(what: string, limit: number) {
    this.#what = what
    this.#limit = limit
  }

  /** Takes one for this user; the function that it gives returns it, once. Throws RATE_LIMITED. */
  take(user: string): () => void {
    const held = this.#held.get(user) ?? 0
    if (held >= this.#limit) {
      throw new OgentError(
        'RATE_LIMITED',
        `${user} has ${held} ${this.#what} open, which is the limit: close some, or try again later.`,
      )
    }
    this.#held.set(user, held + 1)
    let returned = false
    return () => {
      if (returned) return
      returned = true
      const left = (this.#held.get(user) ?? 1) - 1
      if (left > 0) this.#held.set(user, left)
      else this.#held.delete(user)
    }
  }
}

/** What users may hold open at a time. */
export type Quotas = {
  connections: Quota
  /** Commands that are followed or waited for, and watches of agents. */
  subscriptions: Quota
}
