/** A lease that is not renewed for so long is dead to the other controllers, in ms. */
export const LEASE_MS = 15_000

export type MembershipOptions = {
  /** Makes the lease last for so many ms from now; false where it had lapsed. */
  renew(ms: number): Promise<boolean>
  /** The lease had lapsed, and lives again: others may own what this controller owned. */
  onLapsed(): Promise<void>
  /** The lease may have lapsed, and cannot be renewed. */
  onLost(error: unknown): void
}

/** This controller's lease among those that share a store. */
export class Membership {
  readonly #options: MembershipOptions
  #renewedAt: number | undefined
  /** Since when every renewal has been in time. */
  #steadySince = Number.NEGATIVE_INFINITY

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Whether leases that have lapsed say that their controllers are dead, and not that the store was away. */
  get isSteady(): boolean {
    return performance.now() - this.#steadySince >= LEASE_MS
  }

  /** The store was away: leases that lapsed meanwhile say nothing. */
  unsettle(): void {
    this.#steadySince = performance.now()
  }

  /** To be called well within the time of a lease. Rejects where the first lease cannot be taken. */
  async renew(): Promise<void> {
    const asked = performance.now()
    const before = this.#renewedAt
    try {
      const held = await this.#options.renew(LEASE_MS)
      this.#renewedAt = asked
      if (held || before === undefined) return
      this.#steadySince = asked
      await this.#options.onLapsed()
    } catch (error) {
      if (before === undefined) throw error
      this.#steadySince = performance.now()
      if (this.#steadySince - before >= LEASE_MS) this.#options.onLost(error)
      throw error
    }
  }
}
