import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { networkOf } from '../../shared/access/network.js'

/** Passwords of a name from an address that may be looked at before their turn, in this time, in ms. */
const PASSWORDS = 10
const WINDOW_MS = 5 * 60 * 1000
/** Pairs of a name and an address that are remembered; what was used longest ago goes first. */
const REMEMBERED = 10_000

type Looks = { passwords: Set<string>; until: number }

/**
 * Says which passwords may be compared with the remembered one before their turn, for users who came in from that
 * address before. That costs next to nothing, so it is bounded by the passwords and not by the tries: a machine that
 * sends an old one again and again uses up one look, and a program that guesses has no more than a few. A look is used
 * up when it is given, so that guesses sent all at once are not more than those that come in turn.
 */
export class LookAhead {
  readonly #key = randomBytes(32)
  /** By pair. Only digests are kept, with a key that is never stored. */
  readonly #looks = new LRUCache<string, Looks>({ max: REMEMBERED })

  mayLook(username: string, address: string, password: string, now = Date.now()): boolean {
    const pair = pairOf(username, address)
    const held = this.#looks.get(pair)
    const looks = held && held.until > now ? held : { passwords: new Set<string>(), until: now + WINDOW_MS }
    const digest = this.#digest(pair, password)
    if (looks.passwords.has(digest) || looks.passwords.size >= PASSWORDS) return false
    looks.passwords.add(digest)
    this.#looks.set(pair, looks)
    return true
  }

  /** The password proved right: it may be looked at again. The others stay used up. */
  provedRight(username: string, address: string, password: string): void {
    const pair = pairOf(username, address)
    this.#looks.get(pair)?.passwords.delete(this.#digest(pair, password))
  }

  #digest(pair: string, password: string): string {
    return createHmac('sha256', this.#key).update(`${pair}\n${password}`).digest('base64url')
  }
}

function pairOf(username: string, address: string): string {
  return `${networkOf(address)} ${username}`
}
