import type { Log } from '../telemetry/ports.js'

/** Of one address a line is logged at once, and then one so often, in ms, with the count of those since. */
const MINUTE_MS = 60_000
/** Characters of a name that are logged. */
const SHOWN_NAME = 64
/** Addresses that are counted apart; further ones share a line. */
const ADDRESSES = 1000

type Refusal = { username: string; address: string; why: string }
type Counted = { last: Refusal; count: number }

/** Logs refused logins within a bound, so that strangers cannot fill the disk by them. */
export class RefusalLog {
  readonly #log: Log
  readonly #addresses = new Map<string, Counted>()

  constructor(log: Log) {
    this.#log = log
  }

  refused({ username, ...refusal }: Refusal): void {
    const shown = { username: username.slice(0, SHOWN_NAME), ...refusal }
    const address =
      this.#addresses.has(shown.address) || this.#addresses.size < ADDRESSES ? shown.address : 'others'
    const known = this.#addresses.get(address)
    if (known) {
      known.last = shown
      known.count += 1
      return
    }
    this.#addresses.set(address, { last: shown, count: 0 })
    this.#log.warn(shown, 'login refused')
    this.#sumUpLater(address)
  }

  #sumUpLater(address: string): void {
    const timer = setTimeout(() => {
      const counted = this.#addresses.get(address)
      if (!counted || counted.count === 0) return void this.#addresses.delete(address)
      this.#log.warn({ ...counted.last, address, count: counted.count }, 'logins refused')
      counted.count = 0
      this.#sumUpLater(address)
    }, MINUTE_MS)
    timer.unref()
  }
}
