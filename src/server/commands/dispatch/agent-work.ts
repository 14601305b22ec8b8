import { messageOf } from '../../../shared/errors.js'
import type { Fleet, InboxWord } from '../../agents/fleet.js'
import type { Agents } from '../../agents/registry.js'
import type { Events } from '../../events.js'
import type { Journal } from '../../journal/journal.js'
import type { CommandState } from '../../journal/port.js'
import type { Log } from '../../telemetry/ports.js'
import type { Commands } from '../service.js'
import type { Dispatcher, SharedKeeping } from './dispatcher.js'

/** A keeper's lease: one that is not renewed for so long is dead to the others, in ms. */
const LEASE_MS = 15_000
const RENEW_MS = 4000
/** How often all open commands are looked over, in ms. */
const SWEEP_MS = 5000
/** Entries remembered as looked at: one that is forgotten is looked at again. */
const LOOKED = 1000

export type KeeperOptions = {
  fleet: Fleet
  journal: Journal
  agents: Agents
  dispatcher: Dispatcher
  commands: Commands
  /** Ids of all open commands of all agents, as the store's index has them: some may have ended. */
  openIds: () => Promise<{ agent_id: string; command_id: string }[]>
  graceMs: number
  log: Log
  events: Events
}

/**
 * This controller's part in keeping the agents of a store that several controllers share. It renews its lease, reads
 * the inboxes of the agents that it keeps, and every few seconds compares what is open in the store with what is
 * kept: a command that nobody keeps, since a controller died, finds its keeper, whatever was lost on the way.
 */
export class Keeper implements SharedKeeping {
  readonly #options: KeeperOptions
  /** Agents that this controller keeps, with what ends the listening to their inbox. */
  readonly #kept = new Map<string, () => void>()
  readonly #reading = new Map<string, 'once' | 'again'>()
  /** Entries whose command was looked at since they were made, and which the inbox may still have. */
  readonly #looked = new Set<string>()
  /** Since when a command that goes with its subscribers has none, by a clock that only counts. */
  readonly #alone = new Map<string, number>()
  #renewedAt = 0
  /** Since when every renewal has been in time. */
  #steadySince = Number.NEGATIVE_INFINITY
  #timers: NodeJS.Timeout[] = []
  #sweeping = false
  #closed = false

  constructor(options: KeeperOptions) {
    this.#options = options
    options.events.on('agent_moved', ({ agent_id }) => this.#letGo(agent_id))
  }

  /** Takes the lease, and takes up what nobody keeps. */
  async start(): Promise<void> {
    await this.#renew()
    await this.#sweep()
    const every = (ms: number, act: () => Promise<void>) => {
      const timer = setInterval(() => void act().catch((error) => this.#failed(error)), ms)
      timer.unref()
      this.#timers.push(timer)
    }
    every(RENEW_MS, () => this.#renew())
    every(SWEEP_MS, () => this.#sweep())
  }

  /** To be called when the store can be reached again: a lease may have lapsed meanwhile. */
  async again(): Promise<void> {
    this.#steadySince = performance.now()
    await this.#renew().catch((error) => this.#failed(error))
  }

  async hand(head: CommandState): Promise<void> {
    const { agent_id, command_id } = head.record
    const { by } = await this.#options.fleet.hand(agent_id, command_id)
    if (by === 'there') return
    this.linked(agent_id)
    this.#options.dispatcher.look(head)
    if (by === 'new') await this.#takeUp(agent_id, 0)
  }

  linked(agent_id: string): void {
    if (this.#kept.has(agent_id) || this.#closed) return
    const read = (word: InboxWord | undefined) => {
      if (word) this.#lookSoon(agent_id, word)
      void this.#readInbox(agent_id).catch((error) => this.#failed(error))
    }
    this.#kept.set(agent_id, this.#options.fleet.onInbox(agent_id, read))
  }

  keepsAway(agent_id: string): Promise<boolean> {
    return this.#options.fleet.keepsAway(agent_id)
  }

  /** Stops keeping; others take up what is open. */
  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
    for (const unlisten of this.#kept.values()) unlisten()
    this.#kept.clear()
    await this.#options.fleet.quit().catch((error) => this.#failed(error))
  }

  async #renew(): Promise<void> {
    const { fleet, agents, log } = this.#options
    const asked = performance.now()
    const first = this.#renewedAt === 0
    try {
      const held = await fleet.renew(LEASE_MS)
      this.#renewedAt = asked
      if (!held && !first) this.#steadySince = asked
      if (held || first || this.#closed) return
      log.warn({}, 'the lease of this controller had lapsed; its agents are looked over')
      for (const agent_id of [...this.#kept.keys()]) {
        const { by } = await fleet.keep(agent_id, agents.withoutLink(agent_id))
        if (by === 'there') this.#letGo(agent_id)
      }
    } catch (error) {
      if (first) throw error
      this.#failed(error)
      this.#steadySince = performance.now()
      if (this.#steadySince - this.#renewedAt < LEASE_MS) return
      // Others may have taken our agents for lost: where they can reach the store, they are better served there.
      agents.closeLinks()
    }
  }

  async #sweep(): Promise<void> {
    // Leases that lapsed while the store was away say nothing about who lives: they get the time to be renewed.
    if (this.#sweeping || this.#closed || performance.now() - this.#steadySince < LEASE_MS) return
    this.#sweeping = true
    try {
      await this.#compare()
      await this.#checkAttendance()
    } finally {
      this.#sweeping = false
    }
  }

  async #compare(): Promise<void> {
    const { fleet, journal, dispatcher, agents, openIds } = this.#options
    const byAgent = new Map<string, string[]>()
    for (const { agent_id, command_id } of await openIds()) {
      byAgent.set(agent_id, [...(byAgent.get(agent_id) ?? []), command_id])
    }
    for (const agent_id of await fleet.orphans([...byAgent.keys()])) await this.#adopt(agent_id)
    for (const agent_id of [...this.#kept.keys()]) {
      const unseen = (byAgent.get(agent_id) ?? []).some((id) => !dispatcher.has(id))
      for await (const head of unseen ? journal.open(agent_id) : []) {
        if (this.#kept.has(agent_id) && !dispatcher.has(head.record.command_id)) dispatcher.look(head)
      }
      if (agents.link(agent_id) || byAgent.has(agent_id) || dispatcher.openOf(agent_id).length > 0) continue
      this.#forget(agent_id)
      await fleet.release(agent_id)
    }
  }

  async #adopt(agent_id: string): Promise<void> {
    const { fleet, agents, log } = this.#options
    const { by, awayMs } = await fleet.keep(agent_id, agents.withoutLink(agent_id))
    if (by !== 'new') return
    log.info({ agent_id, away_ms: awayMs }, 'an agent without a keeper is kept here now')
    await this.#takeUp(agent_id, awayMs)
  }

  async #takeUp(agent_id: string, awayMs: number): Promise<void> {
    const { journal, agents, dispatcher } = this.#options
    this.linked(agent_id)
    const heads: CommandState[] = []
    for await (const head of journal.open(agent_id))
      if (!dispatcher.has(head.record.command_id)) heads.push(head)
    // It may have come here meanwhile, or gone elsewhere.
    if (agents.link(agent_id) || !this.#kept.has(agent_id)) return
    dispatcher.adopt(heads, awayMs)
  }

  /** A word names its entry, so that its command can be looked at while the inbox is read. */
  #lookSoon(agent_id: string, { id, command_id }: InboxWord): void {
    const { journal, dispatcher } = this.#options
    const look = async () => {
      const head = await journal.head(command_id)
      if (!head || !this.#kept.has(agent_id)) return
      dispatcher.look(head)
      this.#looked.add(id)
      const [oldest] = this.#looked
      if (this.#looked.size > LOOKED && oldest !== undefined) this.#looked.delete(oldest)
    }
    look().catch((error) => this.#failed(error))
  }

  /** One reading of an inbox at a time, and one more for whatever came meanwhile. */
  async #readInbox(agent_id: string): Promise<void> {
    if (this.#reading.has(agent_id)) {
      this.#reading.set(agent_id, 'again')
      return
    }
    try {
      do {
        this.#reading.set(agent_id, 'once')
        await this.#drainInbox(agent_id)
      } while (this.#reading.get(agent_id) === 'again')
    } finally {
      this.#reading.delete(agent_id)
    }
  }

  async #drainInbox(agent_id: string): Promise<void> {
    const { fleet, journal, dispatcher } = this.#options
    if (this.#closed || !this.#kept.has(agent_id)) return
    const words = await fleet.inbox(agent_id)
    if (words === undefined) return this.#letGo(agent_id)
    if (words.length === 0) return
    const left = words.filter(({ id }) => !this.#looked.delete(id))
    const ids = [...new Set(left.map(({ command_id }) => command_id))]
    const heads = await Promise.all(ids.map((command_id) => journal.head(command_id)))
    for (const head of heads) if (head && this.#kept.has(agent_id)) dispatcher.look(head)
    await fleet.clear(
      agent_id,
      words.map(({ id }) => id),
    )
    // There may be more than one reading gives.
    if (words.length > 1) this.#reading.set(agent_id, 'again')
  }

  /** Another controller keeps the agent: it hears of every command that it may not have seen when it began. */
  #letGo(agent_id: string): void {
    const { fleet, dispatcher } = this.#options
    if (!this.#kept.has(agent_id)) return
    this.#forget(agent_id)
    for (const command_id of dispatcher.drop(agent_id)) {
      fleet.hand(agent_id, command_id).catch((error) => this.#failed(error))
    }
  }

  #forget(agent_id: string): void {
    this.#kept.get(agent_id)?.()
    this.#kept.delete(agent_id)
  }

  /** A controller that died cannot tell that a subscriber has not come back: it is found out here. */
  async #checkAttendance(): Promise<void> {
    const { fleet, dispatcher, commands, graceMs } = this.#options
    const leased = new Set(dispatcher.leased())
    for (const command_id of this.#alone.keys()) if (!leased.has(command_id)) this.#alone.delete(command_id)
    for (const command_id of leased) {
      if ((await fleet.attended(command_id)) > 0) {
        this.#alone.delete(command_id)
        continue
      }
      const since = this.#alone.get(command_id) ?? performance.now()
      this.#alone.set(command_id, since)
      if (performance.now() - since >= graceMs) await commands.abandon(command_id)
    }
  }

  #failed(error: unknown): void {
    if (!this.#closed) this.#options.log.warn({ cause: messageOf(error) }, 'agents were not looked over')
  }
}
