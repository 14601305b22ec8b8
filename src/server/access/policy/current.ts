import type { CompiledPolicy } from '../../../access/request.js'
import type { AccessPolicy } from '../../../shared/access/policy.js'
import { Periodic } from '../../../shared/async/periodic.js'
import type { Log } from '../../telemetry/ports.js'
import type { PolicyStore, StoredPolicy } from './store.js'

/** How often it is looked whether another controller saved a policy of which no word came, in ms. */
const AGAIN_MS = 5000

export type CurrentPolicyOptions<Compiled> = {
  store: PolicyStore
  compile: (policy: AccessPolicy | undefined) => Compiled
  log: Log
}

/** The policy that counts now, ready for decisions. While the store does not answer, the last one that was read counts. */
export class CurrentPolicy<Compiled extends CompiledPolicy = CompiledPolicy> {
  readonly #options: CurrentPolicyOptions<Compiled>
  readonly #checks: Periodic
  readonly #unlisten: () => void
  #stored: StoredPolicy | undefined
  #compiled: Compiled
  #revision = 0

  private constructor(options: CurrentPolicyOptions<Compiled>, stored: StoredPolicy | undefined) {
    this.#options = options
    this.#stored = stored
    this.#compiled = options.compile(stored?.policy)
    const onError = (error: unknown) => options.log.warn({ err: error }, 'the policy was not read again')
    this.#checks = new Periodic({ everyMs: AGAIN_MS, act: () => this.refresh(), onError })
    this.#unlisten = options.store.onChange(() => void this.refresh().catch(onError))
  }

  /** Rejects where the stored policy cannot be read: to go on without it would allow what it denies. */
  static async open<Compiled extends CompiledPolicy>(
    options: CurrentPolicyOptions<Compiled>,
  ): Promise<CurrentPolicy<Compiled>> {
    return new CurrentPolicy(options, await options.store.read())
  }

  get stored(): StoredPolicy | undefined {
    return this.#stored
  }

  get compiled(): Compiled {
    return this.#compiled
  }

  /** Counts the policies that were in force here, so that what lasts knows when to ask again. */
  get revision(): number {
    return this.#revision
  }

  /** Saves a policy in the place of the one with this tag; false where another one is there. Throws UNAVAILABLE. */
  async replace(before: string | undefined, stored: StoredPolicy): Promise<boolean> {
    const saved = await this.#options.store.replace(before, stored)
    if (saved) this.#use(stored)
    else await this.refresh()
    return saved
  }

  async refresh(): Promise<void> {
    const stored = await this.#options.store.read()
    if (stored?.etag !== this.#stored?.etag) this.#use(stored)
  }

  close(): void {
    this.#unlisten()
    this.#checks.close()
  }

  #use(stored: StoredPolicy | undefined): void {
    const compiled = this.#options.compile(stored?.policy)
    this.#stored = stored
    this.#compiled = compiled
    this.#revision += 1
    this.#options.log.info({ etag: stored?.etag, saved_by: stored?.saved_by }, 'another policy is in force')
  }
}
