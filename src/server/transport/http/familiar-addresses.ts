/** For how long an address from which a user has logged in is familiar, in ms; and how many are remembered. */
const FAMILIAR_MS = 60 * 60 * 1000
const REMEMBERED = 10_000

/** Addresses from which users have logged in of late; what was used longest ago goes first. */
export class FamiliarAddresses {
  /** Until when it counts; in the order of use. */
  readonly #until = new Map<string, number>()

  add(address: string): void {
    this.#until.delete(address)
    this.#until.set(address, performance.now() + FAMILIAR_MS)
    const [oldest] = this.#until.keys()
    if (this.#until.size > REMEMBERED && oldest !== undefined) this.#until.delete(oldest)
  }

  has(address: string): boolean {
    return (this.#until.get(address) ?? 0) > performance.now()
  }
}
