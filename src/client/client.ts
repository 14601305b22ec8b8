import { createTRPCClient, type TRPCClient } from '@trpc/client'
import type { AppRouter } from '../server/app-router.js'
import type { Identity } from '../shared/access/identity.js'
import type { Agent, AgentEvent } from '../shared/agents/agent.js'
import type { AgentFilter } from '../shared/agents/query.js'
import type { Analysis, AnalyzeRequest } from '../shared/analysis/analysis.js'
import type { RawCommandEvent } from '../shared/commands/event.js'
import type { CommandDetail, CommandFilter, CommandPage } from '../shared/commands/record.js'
import type { CommandRequest, Encoding } from '../shared/commands/request.js'
import { newId } from '../shared/id.js'
import { listAgents } from './agents/list.js'
import { watchAgents } from './agents/watch.js'
import { download } from './commands/download.js'
import type { OpenStream } from './commands/resumable-stream.js'
import { CommandRun } from './commands/run.js'
import { fromReply, ownError, toOgentError } from './errors.js'
import { checkOptions, type OgentClientOptions } from './options.js'
import { TokenKeeper } from './transport/credentials.js'
import { SessionPool } from './transport/pool.js'
import { retryPause } from './transport/retry.js'
import type { Session } from './transport/session.js'
import type { ConnectionStatus } from './transport/status.js'
import { sessionLink } from './transport/trpc-link.js'

/** A client of one controller. Every method throws `OgentError`, but for what a token function of yours throws. */
export interface OgentClient {
  /** Runs a command. The handle is live at once: loop over it, await it, or both. */
  execute(request: CommandRequest): CommandRun
  /** Commands of before, by their ids, and commands that go on by themselves. */
  commands: CommandMethods
  /** The agents that the controller knows. */
  agents: AgentMethods
  /** What a command would do, said without running it. */
  analyze(request: AnalyzeRequest): Promise<Analysis>
  /** Who this client is to the controller. */
  me(): Promise<Identity>
  /**
   * The state of the connection to the controller: at once as it is now, then as it changes, until the client is closed.
   * A loop that falls behind gets the newest state next, without those in between. The first call connects, not this;
   * but while a loop runs, a lost connection is made again even where no call needs it. Leaving the loop ends that.
   */
  status(): AsyncIterable<ConnectionStatus>
  /** The typed tRPC client itself, over the same sessions. */
  trpc: TRPCClient<AppRouter>
  /** Ends the client; handles that are open fail with CLOSED. Commands go on. */
  close(): Promise<void>
}

/** What a client does with commands by their ids. */
export interface CommandMethods {
  /** Starts a command that goes on by itself. */
  start(request: CommandRequest): Promise<StartedCommand>
  /** The same handle as `execute` gives, for any command, from its first event or `from_seq`. */
  attach(command_id: string, options?: AttachOptions): CommandRun
  /** One command with its result. Throws COMMAND_NOT_FOUND. */
  get(command_id: string): Promise<CommandDetail>
  /** A page of the history, the newest command first. */
  list(filter?: CommandFilter): Promise<CommandPage>
  /** Asks for a command's end. Throws COMMAND_NOT_FOUND, COMMAND_ENDED. */
  cancel(command_id: string): Promise<void>
  /** What it wrote until now with the time of each piece, as asciicast v2, for terminal players. */
  recording(command_id: string): AsyncIterable<Uint8Array>
}

/** What a client does with agents. */
export interface AgentMethods {
  /**
   * All agents that are known, or those that match a filter, connected or not, in the order of their ids: every page, unless
   * `limit` says how many. Throws VALIDATION_FAILED for a selector that cannot be parsed.
   */
  list(filter?: AgentFilter): Promise<Agent[]>
  /** One agent. Throws AGENT_NOT_FOUND. */
  get(agent_id: string): Promise<Agent>
  /** Forgets an agent that is not connected. Throws AGENT_NOT_FOUND, AGENT_ID_TAKEN; takes the role admin. */
  forget(agent_id: string): Promise<void>
  /**
   * A snapshot, then every change, for as long as the loop runs; after a lost socket a new snapshot. Each snapshot
   * begins anew: what was known before it no longer counts. For a loop that is more than 1,000 events behind, the
   * newest event of each agent is kept in place of those before it; one that is behind on 20,000 gets those, and then
   * a new snapshot.
   */
  watch(): AsyncIterable<AgentEvent>
}

/** A command that was started. */
export interface StartedCommand {
  /** Its id, by which `attach`, `get` and `cancel` find it. */
  command_id: string
}

/** From where a command is followed, and how its output is given as text. */
export interface AttachOptions {
  /** Sequence of the first event to give, from 1: `last_seq + 1` of a handle goes on after it; 1. */
  from_seq?: number
  /** How output is given as text; `utf8`. */
  encoding?: Encoding
}

const CONNECT_TIMEOUT_MS = 15_000

/** Throws VALIDATION_FAILED for options that can never work. */
export function createOgentClient(options: OgentClientOptions): OgentClient {
  checkOptions(options)
  const firstContactMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
  const tokens = new TokenKeeper(options.url, options, options.ca)
  const pool = new SessionPool(options.url, tokens, options.ca)
  const trpc = createTRPCClient<AppRouter>({ links: [sessionLink(() => pool.get())] })
  const renewToken = () => pool.renew()
  const call = <T>(act: () => Promise<T>) => attempt(act, renewToken, firstContactMs)

  const cancel = async (command_id: string) => {
    await call(() => trpc.commands.cancel.mutate({ command_id }))
  }
  const follow = (command_id: string, from_seq: number) =>
    openStream(pool, 'commands.follow', { command_id, from_seq, encoding: 'bytes' })

  return {
    execute(request) {
      const command_id = request.command_id ?? newId()
      return new CommandRun({
        command_id,
        encoding: request.encoding ?? 'utf8',
        main: openStream(pool, 'execute', { ...request, command_id, encoding: 'bytes' }),
        follow: (from_seq) => follow(command_id, from_seq),
        from_seq: 1,
        starts: true,
        lease: request.on_disconnect === 'cancel',
        cancel: () => cancel(command_id),
        renewToken,
        firstContactMs,
      })
    },
    commands: {
      // With an id of its own a start that got lost on the way can be sent again.
      start: (request) => {
        const named = { ...request, command_id: request.command_id ?? newId() }
        return call(() => trpc.commands.start.mutate(named))
      },
      attach: (command_id, { from_seq = 1, encoding = 'utf8' } = {}) =>
        new CommandRun({
          command_id,
          encoding,
          main: follow(command_id, from_seq),
          follow: (seq) => follow(command_id, seq),
          from_seq,
          starts: false,
          lease: false,
          cancel: () => cancel(command_id),
          renewToken,
          firstContactMs,
        }),
      get: (command_id) => call(() => trpc.commands.get.query({ command_id })),
      list: (filter = {}) => call(() => trpc.commands.list.query(filter)),
      cancel,
      recording: (command_id) =>
        download({
          url: options.url,
          path: `commands/${encodeURIComponent(command_id)}/recording.cast`,
          tokens,
          ca: options.ca,
        }),
    },
    agents: {
      list: (filter) => listAgents(filter, (query) => call(() => trpc.agents.list.query(query))),
      get: (agent_id) => call(() => trpc.agents.get.query({ agent_id })),
      forget: (agent_id) => call(() => trpc.agents.forget.mutate({ agent_id })),
      watch: () =>
        watchAgents({
          subscribe: (observer) => trpc.agents.events.subscribe(undefined, observer),
          renewToken,
        }),
    },
    analyze: (request) => call(() => trpc.analyze.mutate(request)),
    me: () => call(() => trpc.auth.me.query()),
    status: () => pool.statuses,
    trpc,
    async close() {
      pool.close()
    },
  }
}

/** A subscription on the session itself: a client's call brings an observable and proxies with it for each command. */
function openStream(pool: SessionPool, path: 'execute' | 'commands.follow', input: object): OpenStream {
  return (lastEventId, observer) => {
    let stop: (() => void) | undefined
    let stopped = false
    const begin = (session: Session) => {
      if (stopped) return
      const call = { type: 'subscription', path, input: { ...input, lastEventId } } as const
      stop = session.call(call, {
        started: () => observer.onStarted?.(),
        data: (data) => {
          // The controller is trusted to send what the router's type says; asked for as bytes, the events are raw ones.
          const { id, data: event } = data as { id: string; data: RawCommandEvent }
          observer.onEvent(id, event)
        },
        error: (error) => observer.onError(fromReply(error)),
        complete: () => observer.onComplete(),
      })
    }
    const session = pool.get()
    if (session instanceof Promise) session.then(begin, (error) => observer.onError(error))
    else begin(session)
    return () => {
      stopped = true
      stop?.()
    }
  }
}

/** A call that may be made twice: again after a lost connection, for a while, and once with a fresh token. */
async function attempt<T>(act: () => Promise<T>, renewToken: () => boolean, forMs: number): Promise<T> {
  const began = performance.now()
  let renewed = false
  while (true) {
    try {
      return await act()
    } catch (cause) {
      const error = toOgentError(cause)
      if (error.code === 'UNAUTHORIZED' && !renewed && renewToken()) {
        renewed = true
        continue
      }
      if (error.code !== 'CONNECTION_LOST' || performance.now() - began > forMs) throw ownError(error)
      await retryPause()
    }
  }
}
