import { LRUCache } from 'lru-cache'
import { Periodic } from '../../shared/async/periodic.js'
import { messageOf } from '../../shared/errors.js'
import type { Events } from '../events.js'
import type { Log } from '../telemetry/ports.js'
import { Membership } from './membership.js'
import type { OwnedWork, Ownership } from './ports.js'
import type { ClusterStore, Mail } from './store.js'

const RENEW_MS = 4000
/** How often all that is open is looked over, in ms. */
const SWEEP_MS = 5000
/** Entries of mailboxes remembered as received: one that is forgotten while its notification is on its way is received again. */
const RECEIVED = 1000

export type SharedOwnershipOptions = {
  store: ClusterStore
  /** Where `controller_cut_off` is published. */
  events: Events
  log: Log
}

/**
 * Ownership among controllers that share a store. This one renews its lease, reads the mailboxes of the keys that it owns
 * and every few seconds compares what is open in the store with what is owned, so that work whose owner died, or whose
 * message was lost, finds an owner.
 */
export class SharedOwnership implements Ownership {
  readonly #options: SharedOwnershipOptions
  readonly #membership: Membership
  #work: OwnedWork | undefined
  /** Keys that this controller owns, with what ends the listening to their mailbox. */
  readonly #owned = new Map<string, () => void>()
  readonly #reading = new Map<string, 'once' | 'again'>()
  /**
   * Entries that are being received or were. Each comes twice, with its notification and in the mailbox, and either may be
   * first: they take different connections.
   */
  readonly #received = new LRUCache<string, Promise<void>>({ max: RECEIVED })
  readonly #periodic: Periodic[] = []
  #closed = false

  constructor(options: SharedOwnershipOptions) {
    this.#options = options
    this.#membership = new Membership({
      renew: (ms) => options.store.renew(ms),
      onLapsed: () => this.#reclaim(),
      onLost: () => options.events.publish({ type: 'controller_cut_off' }),
    })
  }

  async start(work: OwnedWork): Promise<void> {
    this.#work = work
    await this.#membership.renew()
    await this.#sweep()
    const onError = (error: unknown) => this.#failed(error)
    this.#periodic.push(
      new Periodic({ everyMs: RENEW_MS, act: () => this.#membership.renew(), onError }),
      new Periodic({ everyMs: SWEEP_MS, act: () => this.#sweep(), onError }),
    )
    this.#options.store.onReady(() => void this.#reconnected())
  }

  async send(key: string, message: string, here: () => void): Promise<void> {
    const { by, ...adopted } = await this.#options.store.post(key, message)
    if (by === 'there') return
    this.acquired(key)
    here()
    if (by === 'new') await this.#startedWork.adopt(key, adopted, () => this.#owned.has(key))
  }

  acquired(key: string): boolean {
    if (this.#owned.has(key) || this.#closed) return true
    const onMail = (mail: Mail | undefined) => {
      // A notification has its entry with it, so that the entry need not wait until the mailbox has been read.
      if (mail) this.#receiveOnce(key, mail).catch((error) => this.#failed(error))
      void this.#readMail(key).catch((error) => this.#failed(error))
    }
    this.#owned.set(key, this.#options.store.onMail(key, onMail))
    return true
  }

  ownsIdle(key: string): Promise<boolean> {
    return this.#options.store.ownsIdle(key)
  }

  /** Another controller owns the key from now on: it gets every message that it may not have seen when it began. */
  drop(key: string): void {
    if (!this.#owned.has(key)) return
    this.#forget(key)
    for (const message of this.#startedWork.drop(key)) {
      this.#options.store.post(key, message).catch((error) => this.#failed(error))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const one of this.#periodic) one.close()
    for (const unlisten of this.#owned.values()) unlisten()
    this.#owned.clear()
    await this.#options.store.quit().catch((error) => this.#failed(error))
  }

  get #startedWork(): OwnedWork {
    if (!this.#work) throw new Error('Ownership has not been started.')
    return this.#work
  }

  /** Leases may have lapsed while the store was away. */
  async #reconnected(): Promise<void> {
    this.#membership.unsettle()
    await this.#membership.renew().catch((error) => this.#failed(error))
  }

  async #reclaim(): Promise<void> {
    if (this.#closed) return
    this.#options.log.warn({}, 'the lease of this controller had lapsed; what it owns is looked over')
    for (const key of [...this.#owned.keys()]) {
      const { by } = await this.#options.store.acquire(key)
      if (by === 'there') this.drop(key)
    }
  }

  async #sweep(): Promise<void> {
    if (this.#closed || !this.#membership.isSteady) return
    await this.#compare()
    await this.#startedWork.swept()
  }

  async #compare(): Promise<void> {
    const { store } = this.#options
    const work = this.#startedWork
    const open = await work.open()
    for (const key of await store.orphans([...open.keys()])) await this.#adopt(key)
    for (const key of [...this.#owned.keys()]) {
      if (await work.check(key, open.get(key) ?? [], () => this.#owned.has(key))) continue
      this.#forget(key)
      await store.release(key)
    }
  }

  async #adopt(key: string): Promise<void> {
    const { store, log } = this.#options
    const { by, ...adopted } = await store.acquire(key)
    if (by !== 'new') return
    log.info({ key, idle_ms: adopted.idleMs }, 'this controller owns what had no owner')
    this.acquired(key)
    await this.#startedWork.adopt(key, adopted, () => this.#owned.has(key))
  }

  /** Receives an entry, unless that was done or is being done. It is not remembered where it failed, or was for another. */
  #receiveOnce(key: string, { id, message }: Mail): Promise<void> {
    const begun = this.#received.get(id)
    if (begun) return begun
    const isMine = () => this.#owned.has(key)
    const received = this.#startedWork.receive(key, message, isMine)
    this.#received.set(id, received)
    const isDone = received.then(isMine, () => false)
    void isDone.then((done) => done || this.#received.delete(id))
    return received
  }

  /** One reading of a mailbox at a time, and one more for what came meanwhile. */
  async #readMail(key: string): Promise<void> {
    if (this.#reading.has(key)) {
      this.#reading.set(key, 'again')
      return
    }
    try {
      do {
        this.#reading.set(key, 'once')
        await this.#drainMailbox(key)
      } while (this.#reading.get(key) === 'again')
    } finally {
      this.#reading.delete(key)
    }
  }

  async #drainMailbox(key: string): Promise<void> {
    const { store } = this.#options
    if (this.#closed || !this.#owned.has(key)) return
    const mail = await store.mail(key)
    if (mail === undefined) return this.drop(key)
    if (mail.length === 0) return
    await Promise.all(mail.map((entry) => this.#receiveOnce(key, entry)))
    await store.clear(
      key,
      mail.map(({ id }) => id),
    )
    // One reading gives a part of a long mailbox.
    if (mail.length > 1) this.#reading.set(key, 'again')
  }

  #forget(key: string): void {
    this.#owned.get(key)?.()
    this.#owned.delete(key)
  }

  #failed(error: unknown): void {
    if (!this.#closed)
      this.#options.log.warn({ cause: messageOf(error) }, 'what this controller owns was not looked over')
  }
}
