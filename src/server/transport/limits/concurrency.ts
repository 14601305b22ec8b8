import type { FastifyReply } from 'fastify'
import { OgentError } from '../../../shared/errors.js'

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

/** Lets each user do so many things at a time; more of them wait, and too many are refused. */
export class Queues {
  readonly #places: number
  readonly #maxWaiting: number
  readonly #users = new Map<string, { taken: number; waiting: (() => void)[] }>()

  constructor(places: number, maxWaiting: number) {
    this.#places = places
    this.#maxWaiting = maxWaiting
  }

  /** Resolves when it is this user's turn, with what ends that. Throws RATE_LIMITED when too many wait already. */
  async take(user: string): Promise<() => void> {
    const queue = this.#users.get(user) ?? { taken: 0, waiting: [] }
    this.#users.set(user, queue)
    if (queue.taken < this.#places) {
      queue.taken += 1
    } else if (queue.waiting.length >= this.#maxWaiting) {
      throw new OgentError(
        'RATE_LIMITED',
        `${queue.waiting.length} calls of ${user} wait to read already: try again later.`,
        { retry_after_seconds: 1 },
      )
    } else {
      // The one that ends hands over its place: it stays taken in between.
      await new Promise<void>((resolve) => queue.waiting.push(resolve))
    }
    let left = false
    return () => {
      if (left) return
      left = true
      const next = queue.waiting.shift()
      if (next) return next()
      queue.taken -= 1
      if (queue.taken === 0) this.#users.delete(user)
    }
  }
}

/** An HTTP client that takes nothing of its answer for so long, in ms, does not read. */
const UNREAD_MS = 30_000

/** Counts an answer over HTTP as one of the reads of its user until it is read. Throws RATE_LIMITED. */
export async function holdRead({ reads }: Quotas, username: string, { raw }: FastifyReply): Promise<void> {
  const leave = await reads.take(username)
  raw.setTimeout(UNREAD_MS)
  // A client that is gone by now says so no second time.
  if (raw.closed) leave()
  else raw.once('close', leave)
}

/** What users may hold open at a time. */
export type Quotas = {
  connections: Quota
  /** Answers that are made up, and not read yet. */
  reads: Queues
  /** Commands that are followed or waited for, and watches of agents. */
  subscriptions: Quota
}
