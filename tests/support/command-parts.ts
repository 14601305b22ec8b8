import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { vi } from 'vitest'
import type { AgentLink } from '../../src/server/agents/connection.js'
import { LocalDirectory } from '../../src/server/agents/local-directory.js'
import { Agents } from '../../src/server/agents/registry.js'
import { LmdbAgents } from '../../src/server/agents/store.lmdb.js'
import { steadyNow } from '../../src/server/commands/clock.js'
import { Reports } from '../../src/server/commands/intake/reports.js'
import type { EventOf } from '../../src/server/events.js'
import { Journal } from '../../src/server/journal/journal.js'
import { LmdbJournal } from '../../src/server/journal/lmdb/journal.lmdb.js'
import type { CommandState, JournalStore } from '../../src/server/journal/port.js'
import { LmdbFolder } from '../../src/server/storage/folder.lmdb.js'
import type { Log } from '../../src/server/telemetry/ports.js'
import type { Actor } from '../../src/server/transport/caller.js'
import type { RawCommandEvent, RawResultEvent } from '../../src/shared/commands/event.js'
import { OgentError } from '../../src/shared/errors.js'
import type { ExecuteOrder, Hello, LinkEvent, Report, ResultReport } from '../../src/shared/link/protocol.js'
import { info } from '../agent/link/loops.js'
import { newCommand } from '../suites/journal-suite.js'
import { actor } from './actors.js'
import { strictEvents } from './events.js'
import { temporaryFolder } from './folder.js'
import { silent } from './system.js'

export const agentIdentity: Actor = actor('agents', 'agent')

/** The hello of an agent process; the same instance unless another is named. */
export function helloOf(agent_id: string, more: Partial<Hello> = {}): Hello {
  return { protocol: 2, agent_id, instance_id: `${agent_id}-1`, info, labels: {}, commands: [], ...more }
}

const timestamp = '2026-01-01T00:00:01.000Z'
const place = { execution_type: 'local', target: 'a1' } as const
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** Reports of an agent, as it numbers them. */
export const report = {
  started: (command_id: string, n = 1): Report => ({ kind: 'started', command_id, n, timestamp, ...place }),
  waiting: (command_id: string, n = 1): Report => ({
    kind: 'waiting',
    command_id,
    n,
    timestamp,
    reason: 'It waits.',
  }),
  output: (command_id: string, n: number, offset: number, text: string): Report => ({
    kind: 'output',
    command_id,
    n,
    timestamp,
    stream: 'stdout',
    offset,
    data: Buffer.from(text),
  }),
  /** The end of a command that wrote this to stdout: a success, unless `more` says otherwise. */
  result: (command_id: string, n: number, stdout = '', more: Partial<ResultReport> = {}): Report => ({
    kind: 'result',
    command_id,
    n,
    timestamp,
    ...place,
    status: 'success',
    exit_code: 0,
    signal: null,
    reason: null,
    duration_ms: 1,
    stdout_bytes: stdout.length,
    stderr_bytes: 0,
    stdout_sha256: sha256(stdout),
    stderr_sha256: sha256(''),
    ...more,
  }),
  lost: (command_id: string, n: number): Report => ({
    kind: 'lost',
    command_id,
    n,
    timestamp,
    reason: 'The agent was restarted.',
  }),
}

type Options = {
  /** For how long an agent may be away, in ms; by default longer than a test. */
  graceMs?: number
}

/**
 * The parts of a controller that keep commands and agents, in a folder of their own and without a socket: the real stores,
 * journal, registry and intake. `await using` closes them.
 */
export class CommandParts {
  readonly events = strictEvents()
  readonly graceMs: number
  readonly journal: Journal
  readonly agents: Agents
  readonly reports: Reports
  readonly log: Log
  /** What was logged as an error or a warning. */
  readonly complaints: string[] = []
  readonly path: string
  readonly #folder = temporaryFolder()
  readonly #ends: EventOf<'command_ended'>[] = []
  readonly #changes = new EventEmitter()
  /** How often each method of the store fails from now on. */
  readonly #failures = new Map<keyof JournalStore, number>()

  constructor({ graceMs = 3600_000 }: Options = {}) {
    this.graceMs = graceMs
    this.path = this.#folder.path
    const complain = (_fields: object, message: string) => void this.complaints.push(message)
    this.log = { debug() {}, info() {}, warn: complain, error: complain }
    const folder = new LmdbFolder(this.path, silent)
    this.journal = new Journal(this.#failing(new LmdbJournal(folder)))
    const { events, log, journal } = this
    const directory = new LocalDirectory(new LmdbAgents(folder), log)
    this.agents = new Agents({ directory, log, events, maxPerUser: 100, graceMs })
    this.reports = new Reports({ journal, maxResultOutputBytes: 1000, events, log })
    events.on('command_ended', (event) => {
      this.#ends.push(event)
      this.#changes.emit('ended')
    })
  }

  /** Lets the store fail so many times at this method, as one that is away for a while. */
  fail(method: keyof JournalStore, times: number): void {
    this.#failures.set(method, times)
  }

  /** A new command in the journal, as it is when it is to be dispatched. */
  async create(
    command_id: string,
    { agent_id = 'a1', command = 'true', expiresInMs = 3600_000, leased = false, openStdin = false } = {},
  ): Promise<{ state: CommandState; order: ExecuteOrder }> {
    const made = newCommand(command_id, { agent_id, command })
    const open = openStdin ? { open_stdin: true } : {}
    const order = { ...made.order, ...open, expires_at: steadyNow() + expiresInMs }
    const on_disconnect = leased ? 'cancel' : 'continue'
    const { state, durable } = await this.journal.create({ ...made, order, on_disconnect })
    await durable
    return { state: state, order }
  }

  state(command_id: string): Promise<CommandState> {
    return this.journal.getState(command_id)
  }

  /** An agent's link, where nothing is owed to the agent. */
  connect(agent_id = 'a1'): Promise<AgentLink> {
    return this.agents.connect(helloOf(agent_id), agentIdentity, () => false)
  }

  /** Ends as they were published, all of them. */
  get ends(): string[] {
    return this.#ends.map(({ command_id, status }) => `${command_id} ${status}`)
  }

  /** Waits for the command's end to be published; gives the result that its journal has. */
  async ended(command_id: string): Promise<RawResultEvent> {
    while (!this.#ends.some((end) => end.command_id === command_id)) await once(this.#changes, 'ended')
    const result = (await this.#events(command_id)).findLast((event) => event.type === 'command_result')
    if (!result) throw new Error(`Command ${command_id} was said to have ended, and has no result.`)
    return result
  }

  /** Waits until a subscriber would see this of the command. */
  async seen(command_id: string, name: string): Promise<void> {
    const { signal } = new AbortController()
    for await (const { event } of this.journal.follow(command_id, 1, { signal })) {
      if (nameOf(event) === name) return
    }
    throw new Error(`Command ${command_id} ended without ${name}.`)
  }

  /** What the journal of the command has, event by event: `response`, the state of a progress, the status of a result. */
  async story(command_id: string): Promise<string[]> {
    return (await this.#events(command_id)).map(nameOf)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agents.close()
    await this.journal.close()
    this.#folder[Symbol.dispose]()
  }

  async #events(command_id: string): Promise<RawCommandEvent[]> {
    const { last_seq } = await this.state(command_id)
    const events: RawCommandEvent[] = []
    for await (const { event } of this.journal.upTo(command_id, last_seq)) events.push(event)
    return events
  }

  #failing(store: JournalStore): JournalStore {
    return new Proxy(store, {
      get: (target, name) => {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          // Only methods of the port are named.
          const method = name as keyof JournalStore
          const left = this.#failures.get(method) ?? 0
          if (left === 0) return value.apply(target, args)
          this.#failures.set(method, left - 1)
          return Promise.reject(new OgentError('UNAVAILABLE', 'The store is away.'))
        }
      },
    })
  }
}

/** Reads a link as the socket of its agent would, when its test wants that. */
export class LinkReader {
  readonly link: AgentLink
  readonly #events: AsyncGenerator<LinkEvent, void>

  constructor(link: AgentLink) {
    this.link = link
    this.#events = link.events()
  }

  /** Waits for the next event. */
  async next(): Promise<string> {
    const { value } = await this.#events.next()
    if (!value) throw new Error('The link was closed.')
    return 'command_id' in value ? `${toldBy[value.type]} ${value.command_id}` : value.type
  }

  /** What has been pushed and not been read. */
  async rest(): Promise<string[]> {
    const names: string[] = []
    while (this.link.queued > 0) names.push(await this.next())
    return names
  }
}

const toldBy = {
  execute_command_event: 'execute',
  cancel_command_event: 'cancel',
  stdin_command_event: 'input',
} as const

function nameOf(event: RawCommandEvent): string {
  if (event.type === 'command_progress') return event.state
  return event.type === 'command_result' ? event.status : 'response'
}

/** Lets time pass for the timers that are made in `act`, which gets a function for that, and for no others. */
export function withTimers(act: (pass: (ms: number) => void) => void): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    act((ms) => vi.advanceTimersByTime(ms))
  } finally {
    vi.useRealTimers()
  }
}
