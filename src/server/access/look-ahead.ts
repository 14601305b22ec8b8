import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { networkOf } from '../../shared/access/network.js'
import type { Limiter } from '../transport/limits/port.js'
import type { OpenLimiter } from './ports.js'

/** Passwords of a name from an address that may be looked at before their turn, in this time, in seconds. */
const PASSWORDS = 10
const WINDOW_SECONDS = 5 * 60
/** Passwords that are remembered as looked at; the one that was used longest ago goes first. */
const REMEMBERED = 10_000

/**
 * Says which passwords may be compared with the remembered one before their turn, for users who came in from that
 * address before. That costs next to nothing, so it is bounded by the passwords and not by the tries: a machine that
 * sends an old one again and again uses up one look, and a program that guesses has no more than a few. A look is used
 * up when it is given, so that guesses sent all at once are not more than those that come in turn.
 */
export class LookAhead {
  readonly #key = randomBytes(32)
  /** Looks of a name from a network, at all controllers that share a store. */
  readonly #pairs: Limiter
  /** By digest, with a key that is never stored: whether that password has a look, or soon will be known to. */
  readonly #looks = new LRUCache<string, Promise<boolean>>({ max: REMEMBERED })

  constructor(open: OpenLimiter) {
    this.#pairs = open({ name: 'look', points: PASSWORDS, seconds: WINDOW_SECONDS })
  }

  /** The same password of several logins at once has one look: all of them wait for it. */
  async mayLook(username: string, address: string, password: string): Promise<boolean> {
    const pair = pairOf(username, address)
    const digest = this.#digest(pair, password)
    const look = this.#looks.get(digest) ?? this.#take(pair)
    this.#looks.set(digest, look)
    let may = false
    try {
      may = await look
    } finally {
      // It may have one when the time is over.
      if (!may && this.#looks.get(digest) === look) this.#looks.delete(digest)
    }
    return may
  }

  /** The password proved right: its look is given back. The others stay used up. */
  async provedRight(username: string, address: string, password: string): Promise<void> {
    const pair = pairOf(username, address)
    const digest = this.#digest(pair, password)
    const look = this.#looks.get(digest)
    this.#looks.delete(digest)
    if (look && (await look)) await this.#pairs.giveBack(pair)
  }

  async #take(pair: string): Promise<boolean> {
    const { allowed } = await this.#pairs.take(pair)
    // A look that is refused is not used up: one that is given back is free for the next.
    if (!allowed) await this.#pairs.giveBack(pair)
    return allowed
  }

  #digest(pair: string, password: string): string {
    return createHmac('sha256', this.#key).update(`${pair}\n${password}`).digest('base64url')
  }
}

function pairOf(username: string, address: string): string {
  return `${networkOf(address)} ${username}`
}
