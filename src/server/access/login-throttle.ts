import { networkOf } from '../../shared/access/network.js'
import type { Limiter } from '../transport/limits/port.js'
import type { OpenLimiter } from './ports.js'

/** How long failures count, in seconds. */
const WINDOW_SECONDS = 5 * 60
/**
 * Failures in that time after which it is enough: for a name from one address, for a name from any address, for an
 * address with any name. One machine with a wrong password so uses up its own, not those of a whole account.
 */
const PER_PAIR = 10
const PER_USER = 100
const PER_ADDRESS = 50

/** While a name is shut from one address, a try so long after the last one is let through all the same, in seconds. */
const ANYWAY_SECONDS = 10
/** How long an address is familiar to a user after a login from there, in seconds. */
const FAMILIAR_SECONDS = 7 * 24 * 3600

/**
 * Counts wrong passwords, by name and by address, and says when it is enough. An address from which a user came in
 * before is counted apart for that user, so that strangers elsewhere cannot lock a user out. Controllers that share a
 * store count together, and know the same addresses.
 */
export class LoginThrottle {
  /** Failures of a name from a network, of a name, and of a network. */
  readonly #pairs: Limiter
  readonly #users: Limiter
  readonly #networks: Limiter
  /** Has one try of a name from a network, which every try takes that was not refused unseen. */
  readonly #anyway: Limiter
  /** Has nothing left of a name and a network that are familiar. */
  readonly #familiar: Limiter

  constructor(open: OpenLimiter) {
    this.#pairs = open({ name: 'pair', points: PER_PAIR, seconds: WINDOW_SECONDS })
    this.#users = open({ name: 'user', points: PER_USER, seconds: WINDOW_SECONDS })
    this.#networks = open({ name: 'network', points: PER_ADDRESS, seconds: WINDOW_SECONDS })
    this.#anyway = open({ name: 'anyway', points: 1, seconds: ANYWAY_SECONDS })
    this.#familiar = open({ name: 'familiar', points: 1, seconds: FAMILIAR_SECONDS })
  }

  /** Seconds to wait before another try; 0 where one may be made now. */
  async waitSeconds(username: string, address: string): Promise<number> {
    const waits = await Promise.all([
      shutMs(this.#pairs, pairOf(username, address)),
      this.#othersShutMs(username, address),
    ])
    return Math.ceil(Math.max(...waits) / 1000)
  }

  /**
   * Whether a try may be made although it should wait: one every few seconds where only this name from this address is
   * shut, since machines with an old password may share both with one that has the right password.
   */
  async mayTryAnyway(username: string, address: string): Promise<boolean> {
    if ((await this.#othersShutMs(username, address)) > 0) return false
    return (await this.#anyway.take(pairOf(username, address))).allowed
  }

  async isFamiliar(username: string, address: string): Promise<boolean> {
    return (await this.#familiar.get(pairOf(username, address))).remaining === 0
  }

  async failed(username: string, address: string): Promise<void> {
    const pair = pairOf(username, address)
    const familiar = await this.isFamiliar(username, address)
    await Promise.all([
      this.#pairs.take(pair),
      this.#anyway.exhaust(pair),
      familiar || this.#users.take(username),
      familiar || this.#networks.take(networkOf(address)),
    ])
  }

  async cameIn(username: string, address: string): Promise<void> {
    const pair = pairOf(username, address)
    await Promise.all([this.#familiar.exhaust(pair), this.#pairs.clear(pair)])
  }

  /** For how long the name, or the network, is shut to those that are not familiar. */
  async #othersShutMs(username: string, address: string): Promise<number> {
    const [familiar, ...waits] = await Promise.all([
      this.isFamiliar(username, address),
      shutMs(this.#users, username),
      shutMs(this.#networks, networkOf(address)),
    ])
    return familiar ? 0 : Math.max(...waits)
  }
}

async function shutMs(limiter: Limiter, key: string): Promise<number> {
  const { remaining, resetMs } = await limiter.get(key)
  return remaining === 0 ? resetMs : 0
}

function pairOf(username: string, address: string): string {
  return `${networkOf(address)} ${username}`
}
