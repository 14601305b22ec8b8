/** How long failures count, in ms. */
const WINDOW_MS = 5 * 60 * 1000
/**
 * Failures in that time after which it is enough: for a name from one address, for a name from wherever, for an address
 * with whatever names. One machine with a wrong password so uses up its own, not those of a whole account.
 */
const PER_PAIR = 10
const PER_USER = 100
const PER_ADDRESS = 50
/** What is remembered of either kind; what was used longest ago goes first. */
const REMEMBERED = 10_000

type Failures = { count: number; until: number }

/**
 * Counts wrong passwords, by name and by address, and says when it is enough. An address from which a user came in
 * before is counted apart for that user, so that strangers elsewhere cannot lock anybody out.
 */
export class LoginThrottle {
  readonly #failures = new Map<string, Failures>()
  readonly #familiar = new Map<string, true>()

  /** Seconds to wait before another try; 0 where one may be made now. */
  waitSeconds(username: string, address: string, now = Date.now()): number {
    const waits = this.#keys(username, address).map(({ key, limit }) => {
      const failures = this.#failures.get(key)
      return failures && failures.count >= limit ? failures.until - now : 0
    })
    return Math.ceil(Math.max(0, ...waits) / 1000)
  }

  failed(username: string, address: string, now = Date.now()): void {
    for (const { key } of this.#keys(username, address)) {
      const held = this.#failures.get(key)
      const failures = held && held.until > now ? held : { count: 0, until: now + WINDOW_MS }
      failures.count += 1
      keep(this.#failures, key, failures)
    }
  }

  cameIn(username: string, address: string): void {
    const pair = pairOf(username, address)
    keep(this.#familiar, pair, true)
    this.#failures.delete(pair)
  }

  /** How much is remembered. */
  get size(): number {
    return this.#failures.size + this.#familiar.size
  }

  #keys(username: string, address: string): { key: string; limit: number }[] {
    const pair = pairOf(username, address)
    const own = { key: pair, limit: PER_PAIR }
    if (this.#familiar.has(pair)) return [own]
    return [
      own,
      { key: `user ${username}`, limit: PER_USER },
      { key: `address ${address}`, limit: PER_ADDRESS },
    ]
  }
}

function pairOf(username: string, address: string): string {
  return `pair ${address} ${username}`
}

/** Set anew at the end: the order of the map is the order of use. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > REMEMBERED && oldest !== undefined) map.delete(oldest)
}
