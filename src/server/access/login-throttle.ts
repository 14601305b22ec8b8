import { LRUCache } from 'lru-cache'
import { networkOf } from '../../shared/access/network.js'

/** How long failures count, in ms. */
const WINDOW_MS = 5 * 60 * 1000
/**
 * Failures in that time after which it is enough: for a name from one address, for a name from any address, for an
 * address with any name. One machine with a wrong password so uses up its own, not those of a whole account.
 */
const PER_PAIR = 10
const PER_USER = 100
const PER_ADDRESS = 50
/** What is remembered of each kind; what was used longest ago goes first. */
const REMEMBERED = 10_000

/** While a name is shut from one address, a try so long after the last one is let through all the same, in ms. */
const ANYWAY_MS = 10_000

/** `last`: when the last try was made that was not refused unseen. */
type Failures = { count: number; until: number; last: number }

/**
 * Counts wrong passwords, by name and by address, and says when it is enough. An address from which a user came in
 * before is counted apart for that user, so that strangers elsewhere cannot lock a user out.
 */
export class LoginThrottle {
  readonly #failures = new LRUCache<string, Failures>({ max: REMEMBERED })
  readonly #familiar = new LRUCache<string, true>({ max: REMEMBERED })

  /** Seconds to wait before another try; 0 where one may be made now. */
  waitSeconds(username: string, address: string, now = Date.now()): number {
    const waits = this.#keys(username, address).map(({ key, limit }) =>
      this.#isShut(key, limit, now) ? (this.#failures.get(key)?.until ?? now) - now : 0,
    )
    return Math.ceil(Math.max(0, ...waits) / 1000)
  }

  /**
   * Whether a try may be made although it should wait: one every few seconds where only this name from this address is
   * shut, since machines with an old password may share both with one that has the right password.
   */
  mayTryAnyway(username: string, address: string, now = Date.now()): boolean {
    const pair = pairOf(username, address)
    const others = this.#keys(username, address).filter(({ key }) => key !== pair)
    if (others.some(({ key, limit }) => this.#isShut(key, limit, now))) return false
    const failures = this.#failures.get(pair)
    if (!failures || now - failures.last < ANYWAY_MS) return false
    failures.last = now
    return true
  }

  isFamiliar(username: string, address: string): boolean {
    return this.#familiar.has(pairOf(username, address))
  }

  failed(username: string, address: string, now = Date.now()): void {
    for (const { key } of this.#keys(username, address)) {
      const held = this.#failures.get(key)
      const failures = held && held.until > now ? held : { count: 0, until: now + WINDOW_MS, last: now }
      failures.count += 1
      failures.last = now
      this.#failures.set(key, failures)
    }
  }

  cameIn(username: string, address: string): void {
    const pair = pairOf(username, address)
    this.#familiar.set(pair, true)
    this.#failures.delete(pair)
  }

  /** How much is remembered. */
  get size(): number {
    return this.#failures.size + this.#familiar.size
  }

  #isShut(key: string, limit: number, now: number): boolean {
    const failures = this.#failures.get(key)
    return failures !== undefined && failures.count >= limit && failures.until > now
  }

  #keys(username: string, address: string): { key: string; limit: number }[] {
    const pair = pairOf(username, address)
    const own = { key: pair, limit: PER_PAIR }
    if (this.#familiar.has(pair)) return [own]
    return [
      own,
      { key: `user ${username}`, limit: PER_USER },
      { key: `address ${networkOf(address)}`, limit: PER_ADDRESS },
    ]
  }
}

function pairOf(username: string, address: string): string {
  return `pair ${networkOf(address)} ${username}`
}
