import type { RawResultEvent } from '../../shared/commands/event.js'
import type { CommandPage } from '../../shared/commands/record.js'
import { OgentError } from '../../shared/errors.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'
import type { ListQuery } from './page.js'
import type {
  Appended,
  CommandState,
  Created,
  CreatedWatch,
  Draft,
  Entry,
  JournalStore,
  NewCommand,
  OpenId,
  Subscriber,
} from './port.js'
import { Others, Subscribers } from './subscribers.js'
import { EventTail } from './tail.js'

/** How much output a subscriber takes at a time, in bytes: a stalled one keeps hold of so much, and there may be many. */
const PAGE_BYTES = 64 * 1024

/**
 * Every command's journal: writers append, subscribers follow. Live subscribers are served from a bounded tail in
 * memory, others in pages from the store, each at its own pace; a slow subscriber holds up no other.
 */
export class Journal {
  readonly #store: JournalStore
  readonly #tail = new EventTail()
  readonly #subscribers = new Subscribers()
  /** Ends, and events of the controller's own, that are not shown yet, by command. */
  readonly #endings = new Map<string, Promise<void>>()
  #closed = false

  constructor(store: JournalStore) {
    this.#store = store
  }

  async create(command: NewCommand): Promise<Created> {
    const made = await this.#store.create(command)
    const { command_id } = command.record
    if (made.created) {
      this.#tail.add(command_id, [{ seq: 1, report: undefined, event: command.event }], made.committed)
      this.#subscribers.wake(command_id)
    }
    return made
  }

  async append(command_id: string, drafts: Draft[]): Promise<Appended | undefined> {
    const appended = await this.#store.append(command_id, drafts)
    if (!appended || appended.entries.length === 0) return appended
    const { entries, committed, durable } = appended
    const before = this.#endings.get(command_id)
    if (!before && !durable) {
      this.#show(command_id, entries, committed)
      return appended
    }
    const shown = this.#showLater(command_id, appended, before)
    // What is shown of an end must still be true after a crash; an event that is no end keeps nothing waiting.
    if (appended.state.result_seq !== undefined) await shown
    return appended
  }

  state(command_id: string): Promise<CommandState | undefined> {
    return this.#store.state(command_id)
  }

  order(command_id: string): Promise<ExecuteOrder | undefined> {
    return this.#store.order(command_id)
  }

  stillOpen(commands: OpenId[]): Promise<string[]> {
    return this.#store.stillOpen(commands)
  }

  async getState(command_id: string): Promise<CommandState> {
    const state = await this.#store.state(command_id)
    if (!state) throw notFound(command_id)
    return state
  }

  list(query: ListQuery): Promise<CommandPage> {
    return this.#store.list(query)
  }

  /** Where a command stood when this process last heard of it: after its own appends and reads at least. */
  recentState(command_id: string): CommandState | undefined | Promise<CommandState | undefined> {
    return this.#store.recent?.(command_id) ?? this.#store.state(command_id)
  }

  /** Calls with each command that another controller creates; those of this one are events of its own. */
  watchCreated(onCreated: (command: OpenId) => void): CreatedWatch {
    return this.#store.watchCreated?.(onCreated) ?? { opened: Promise.resolve(), close() {} }
  }

  open(agent_id?: string): AsyncIterable<CommandState> {
    return this.#store.open(agent_id)
  }

  openIds(): Promise<OpenId[]> {
    return this.#store.openIds()
  }

  prune(endedBefore: string): Promise<number> {
    return this.#store.prune(endedBefore)
  }

  check(): Promise<void> {
    return this.#store.check()
  }

  /**
   * The entries of a command from `from_seq` on, live, up to and with its result. Throws COMMAND_NOT_FOUND,
   * UNAVAILABLE when the controller shuts down, and the reason of the subscriber's `signal` when it aborts.
   */
  async *follow(command_id: string, from_seq: number, subscriber: Subscriber): AsyncGenerator<Entry, void> {
    const { signal } = subscriber
    const state = await this.recentState(command_id)
    if (!state) throw notFound(command_id)
    subscriber.authorize?.(state)
    const others = new Others(this.#store, command_id, () => this.#subscribers.wake(command_id))
    let next = Math.max(from_seq, 1)
    try {
      while (true) {
        signal.throwIfAborted()
        // Taken before the look, so that what is appended meanwhile wakes the wait below.
        const change = this.#subscribers.join(command_id, next)
        try {
          await subscriber.ready?.()
          const asks = others.mayHaveWritten()
          const page = await this.#page(command_id, next, asks)
          // A page has an end; only an empty one says that there is no more.
          if (asks && page.length > 0) others.haveWritten()
          for (const entry of page) {
            next = entry.seq + 1
            if (entry.event.type !== 'command_result') {
              yield entry
              continue
            }
            // A result that a late truth has replaced is not shown: it was a guess, and it was wrong.
            if (!(await this.#holds(command_id, entry.seq, entry.event))) continue
            yield entry
            return
          }
          if (page.length > 0) continue
          const { result_seq } = (await this.recentState(command_id)) ?? (await this.getState(command_id))
          if (result_seq !== undefined && result_seq < next) return
          if (this.#closed) throw new OgentError('UNAVAILABLE', 'The controller is shutting down.')
          others.watch()
          subscriber.idle?.()
          await change.wait(signal)
        } finally {
          change.release()
        }
      }
    } finally {
      others.close()
    }
  }

  /** How many follow now, and how many events the one furthest behind has still to read, to a page. */
  subscribers(): Promise<{ count: number; lag: number }> {
    return this.#subscribers.measure(
      async (command_id) => (await this.#store.state(command_id))?.last_seq ?? 0,
    )
  }

  /**
   * All entries of a command up to `last_seq`, which the store has placed already. Throws UNAVAILABLE where one of them
   * cannot be read: what is made of them would be short.
   */
  async *upTo(command_id: string, last_seq: number): AsyncGenerator<Entry, void> {
    let next = 1
    while (next <= last_seq) {
      // The tail may end before entries that another controller has written.
      const page = await this.#page(command_id, next, true)
      if (page.length === 0) await this.#shownNext(command_id, next)
      for (const entry of page) {
        if (entry.seq > last_seq) return
        next = entry.seq + 1
        yield entry
      }
    }
  }

  /** Ends all subscribers with UNAVAILABLE, then the store. */
  async close(): Promise<void> {
    this.#closed = true
    this.#subscribers.wakeAll()
    await this.#store.close()
  }

  #show(command_id: string, entries: Entry[], committed: Promise<void>): void {
    this.#tail.add(command_id, entries, committed)
    this.#subscribers.wake(command_id)
  }

  /** What was told of a command's end must still be true after a crash; what comes after it waits as well. */
  async #showLater(command_id: string, appended: Appended, before: Promise<void> | undefined): Promise<void> {
    const { entries, committed, durable } = appended
    const at = before
      ? 0
      : Math.max(
          entries.findIndex(({ event }) => event.type === 'command_result'),
          0,
        )
    if (at > 0) this.#show(command_id, entries.slice(0, at), committed)
    const shown = Promise.all([before, durable]).then(
      () => this.#show(command_id, entries.slice(at), committed),
      // The store is closed without it.
      () => {},
    )
    this.#endings.set(command_id, shown)
    await shown
    if (this.#endings.get(command_id) === shown) this.#endings.delete(command_id)
  }

  /** Waits for an entry that is placed, but neither shown nor committed yet. */
  async #shownNext(command_id: string, seq: number): Promise<void> {
    const ending = this.#endings.get(command_id)
    if (!ending) {
      throw new OgentError('UNAVAILABLE', `Event ${seq} of command ${command_id} cannot be read now.`)
    }
    await ending
  }

  /** Whether a result is the one that counts: only `lost` is ever replaced, by another controller too. */
  async #holds(command_id: string, seq: number, event: RawResultEvent): Promise<boolean> {
    const recent = event.status === 'lost' ? undefined : await this.recentState(command_id)
    return recent?.result_seq === seq || (await this.getState(command_id)).result_seq === seq
  }

  async #page(command_id: string, from_seq: number, ask = false): Promise<Entry[]> {
    const live = this.#tail.from(command_id, from_seq, PAGE_BYTES)
    if (live && (live.length > 0 || !ask)) return live
    return this.#store.read(command_id, from_seq, PAGE_BYTES)
  }
}

function notFound(command_id: string): OgentError {
  return new OgentError('COMMAND_NOT_FOUND', `Command with ID ${command_id} not found`)
}
