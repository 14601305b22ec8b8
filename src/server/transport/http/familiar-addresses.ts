import { LRUCache } from 'lru-cache'

/** For how long an address from which a user has logged in is familiar, in ms; and how many are remembered. */
const FAMILIAR_MS = 60 * 60 * 1000
const REMEMBERED = 10_000

/** Addresses from which users have logged in of late; the one that was used longest ago goes first. */
export class FamiliarAddresses {
  readonly #addresses = new LRUCache<string, true>({ max: REMEMBERED, ttl: FAMILIAR_MS })

  add(address: string): void {
    this.#addresses.set(address, true)
  }

  has(address: string): boolean {
    return this.#addresses.has(address)
  }
}
