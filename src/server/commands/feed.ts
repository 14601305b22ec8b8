import type { AgentConnectedEvent, AgentDisconnectedEvent } from '../../shared/agents/agent.js'
import type { RawCommandEvent } from '../../shared/commands/event.js'
import { OgentError } from '../../shared/errors.js'
import type { Events } from '../events.js'
import type { Journal } from '../journal/journal.js'
import type { Actor } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'
import { feedFact } from './audit-facts.js'
import { Handover } from './handover.js'
import type { Commands } from './service.js'

/** Commands that one feed follows at a time; more of them end it, as where its reader is slow. */
const MAX_COMMANDS = 2000
/** Agents that came or went and wait to be read; one more ends the feed. */
const MAX_AGENT_EVENTS = 1000

export const feedTypes = [
  'agent_connected',
  'agent_disconnected',
  'command_response',
  'command_progress',
  'command_result',
] as const
export type FeedType = (typeof feedTypes)[number]

/** What a feed gives; a list that is left out means all. Events of agents are of no command. */
export type FeedFilter = {
  agent?: readonly string[] | undefined
  command?: readonly string[] | undefined
  type?: readonly FeedType[] | undefined
}

/** `opened`: from here on nothing is missed. */
export type FeedEvent = { type: 'opened' } | RawCommandEvent | AgentConnectedEvent | AgentDisconnectedEvent

export type FeedReader = {
  signal: AbortSignal
  /** Takes one more of the reader's subscriptions, for each command that is followed. Throws RATE_LIMITED. */
  subscribe(): () => void
}

export type EventFeedOptions = { journal: Journal; commands: Commands; events: Events; policy: Policy }

/** The events of all commands and agents that a caller may view, from now on, at whichever controller they come about. */
export class EventFeed {
  readonly #options: EventFeedOptions

  constructor(options: EventFeedOptions) {
    this.#options = options
  }

  /**
   * Throws FORBIDDEN, the reason of the reader's `signal` when it aborts, RATE_LIMITED where more happens at a time than
   * the reader may follow, UNAVAILABLE when the controller shuts down.
   */
  async *open(actor: Actor, filter: FeedFilter, reader: FeedReader): AsyncGenerator<FeedEvent, void> {
    this.#options.policy.authorize(actor, 'commands.view')
    const feed = new OpenFeed(this.#options, actor, filter, reader)
    try {
      await feed.begin()
      this.#options.events.publish({ type: 'audited', ...feedFact(actor, filter) })
      yield { type: 'opened' }
      yield* feed.events.items()
    } finally {
      feed.close()
    }
  }
}

class OpenFeed {
  readonly events = new Handover<FeedEvent>()
  readonly #options: EventFeedOptions
  readonly #actor: Actor
  readonly #filter: FeedFilter
  readonly #reader: FeedReader
  readonly #following = new Set<string>()
  readonly #closed = new AbortController()
  readonly #signal: AbortSignal
  #agentEvents = 0
  #unlisten: (() => void)[] = []

  constructor(options: EventFeedOptions, actor: Actor, filter: FeedFilter, reader: FeedReader) {
    this.#options = options
    this.#actor = actor
    this.#filter = filter
    this.#reader = reader
    this.#signal = AbortSignal.any([reader.signal, this.#closed.signal])
  }

  /** Resolves when each new event will be given. */
  async begin(): Promise<void> {
    const { journal, events } = this.#options
    const onAbort = () => this.events.end(this.#signal.reason)
    this.#signal.addEventListener('abort', onAbort)
    if (this.#wantsAgents()) {
      for (const type of ['agent_connected', 'agent_disconnected'] as const)
        this.#unlisten.push(events.on(type, (event) => this.#tellOfAgent(event)))
    }
    if (!this.#wantsCommands()) return
    const onCreated = (created: { command_id: string; agent_id: string }) => this.#follow(created, 1)
    const others = journal.watchCreated(onCreated)
    this.#unlisten.push(events.on('command_created', onCreated), () => others.close())
    await Promise.race([others.opened, aborted(this.#signal)])
    this.#signal.throwIfAborted()
    await this.#followOpen()
  }

  close(): void {
    for (const unlisten of this.#unlisten.splice(0)) unlisten()
    this.#closed.abort(new Error('the feed is closed'))
  }

  /** What runs when the feed begins: its events from now on. */
  async #followOpen(): Promise<void> {
    for (const open of await this.#options.journal.openIds()) {
      this.#signal.throwIfAborted()
      if (!this.#chooses(open) || this.#following.has(open.command_id)) continue
      const state = await this.#options.journal.state(open.command_id)
      if (state && state.result_seq === undefined) this.#follow(open, state.last_seq + 1)
    }
  }

  #follow(command: { command_id: string; agent_id: string }, from_seq: number): void {
    const { command_id } = command
    if (this.#signal.aborted || !this.#chooses(command) || this.#following.has(command_id)) return
    if (this.#following.size >= MAX_COMMANDS) return this.events.end(tooMuch(`${MAX_COMMANDS} commands`))
    let leave: () => void
    try {
      leave = this.#reader.subscribe()
    } catch (error) {
      return this.events.end(error)
    }
    this.#following.add(command_id)
    const over = () => {
      leave()
      this.#following.delete(command_id)
    }
    this.#pump(command_id, from_seq).then(over, (error) => {
      over()
      this.#failed(error)
    })
  }

  async #pump(command_id: string, from_seq: number): Promise<void> {
    const signal = this.#signal
    let endTurn = () => {}
    const ready = async () => {
      endTurn()
      endTurn = await this.events.turn()
      signal.throwIfAborted()
    }
    const idle = () => endTurn()
    try {
      const entries = this.#options.commands.follow(this.#actor, command_id, from_seq, {
        signal,
        ready,
        idle,
        // Once for the feed.
        isRecorded: true,
      })
      for await (const { event } of entries) if (this.#takes(event.type)) await this.events.send(event)
    } finally {
      endTurn()
    }
  }

  #failed(error: unknown): void {
    // What the caller may not view, or is forgotten already, is no part of its feed.
    if (error instanceof OgentError && ['FORBIDDEN', 'COMMAND_NOT_FOUND'].includes(error.code)) return
    if (!this.#signal.aborted) this.events.end(error)
  }

  #tellOfAgent(event: AgentConnectedEvent | AgentDisconnectedEvent): void {
    const { agent_id } = event.agent
    if (!this.#takes(event.type) || !(this.#filter.agent?.includes(agent_id) ?? true)) return
    if (!this.#mayViewAgent(agent_id)) return
    if (this.#agentEvents >= MAX_AGENT_EVENTS)
      return this.events.end(tooMuch(`${MAX_AGENT_EVENTS} events of agents`))
    this.#agentEvents += 1
    void this.events.send(event).then(() => {
      this.#agentEvents -= 1
    })
  }

  #mayViewAgent(agent_id: string): boolean {
    const reach = this.#options.policy.reach(this.#actor, 'agents.view')
    return reach.all || reach.includes(agent_id)
  }

  #mayViewCommand(agent_id: string): boolean {
    const reach = this.#options.policy.reach(this.#actor, 'commands.view')
    return reach.all || reach.includes(agent_id)
  }

  #takes(type: FeedType): boolean {
    return this.#filter.type?.includes(type) ?? true
  }

  #wantsAgents(): boolean {
    return !this.#filter.command && (this.#takes('agent_connected') || this.#takes('agent_disconnected'))
  }

  #wantsCommands(): boolean {
    return feedTypes.some((type) => type.startsWith('command_') && this.#takes(type))
  }

  #chooses({ command_id, agent_id }: { command_id: string; agent_id: string }): boolean {
    const { agent, command } = this.#filter
    if (!((agent?.includes(agent_id) ?? true) && (command?.includes(command_id) ?? true))) return false
    // Asked last, and not by `follow` alone: what a caller may not view is no refusal of a feed.
    return this.#mayViewCommand(agent_id)
  }
}

function tooMuch(what: string): OgentError {
  return new OgentError(
    'RATE_LIMITED',
    `${what} wait to be read, which is the limit: read faster, or name agents, commands or types.`,
  )
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
