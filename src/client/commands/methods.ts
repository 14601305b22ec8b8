import type { RawCommandEvent } from '../../shared/commands/event.js'
import { decodeBytes } from '../../shared/commands/event-text.js'
import type { CommandInput, CommandInputReply } from '../../shared/commands/input.js'
import type {
  CommandDetail,
  CommandFilter,
  CommandPage,
  CommandRecord,
} from '../../shared/commands/record.js'
import type { CommandRequest, Encoding } from '../../shared/commands/request.js'
import { newId } from '../../shared/id.js'
import { CallSite } from '../call-site.js'
import type { Connection } from '../connection.js'
import { fromReply } from '../errors.js'
import { Listing } from '../listing.js'
import type { CallOptions } from '../options.js'
import type { SessionPool } from '../transport/pool.js'
import type { Session } from '../transport/session.js'
import type { Fetched } from './download.js'
import { type InputStream, isInputStream } from './input-stream.js'
import type { OpenStream } from './resumable-stream.js'
import { CommandRun } from './run.js'
import type { InputPiece } from './stdin.js'

/**
 * Commands of the history, the newest first: awaited, a page; in a `for await`, each of them to the last, as the pages come.
 * Asked for by either.
 */
export interface CommandList extends Promise<CommandPage>, AsyncIterable<CommandRecord> {}

/** What a client does with commands by their ids. */
export interface CommandMethods {
  /** Starts a command that goes on by itself. */
  start(request: CommandRequest, options?: CallOptions): Promise<StartedCommand>
  /** The same handle as `execute` gives, for any command, from its first event or `from_seq`. */
  attach(command_id: string, options?: AttachOptions): CommandRun
  /** One command with its result. Throws COMMAND_NOT_FOUND. */
  get(command_id: string, options?: CallOptions): Promise<CommandDetail>
  /**
   * The history, the newest command first. Awaited, a page, from `cursor` on; a loop has all commands from there, and what
   * is started meanwhile is not among them.
   */
  list(filter?: CommandFilter, options?: CallOptions): CommandList
  /**
   * Sends a piece of what a command reads that was started with `open_stdin`, 256 KiB at most, and says how far its agent is.
   * What was not taken is to be sent again, from `taken` on; `run.stdin` does that by itself. Throws COMMAND_NOT_FOUND.
   */
  input(piece: InputPiece, options?: CallOptions): Promise<CommandInputReply>
  /** Asks for a command's end. Throws COMMAND_NOT_FOUND, COMMAND_ENDED. */
  cancel(command_id: string, options?: CallOptions): Promise<void>
  /**
   * What it wrote until now with the time of each piece, as asciicast v2, for terminal players. A loop that the signal
   * ends throws its reason: what it has is not the whole.
   */
  recording(command_id: string, options?: CallOptions): AsyncIterable<Uint8Array>
}

/** A command to run, and what it reads. */
export interface ExecuteRequest extends Omit<CommandRequest, 'stdin'> {
  /**
   * What it reads from its standard input: a text of 1 MiB at most, after which that is closed unless `open_stdin` is true, or a
   * stream of any length, such as a `Readable` of Node.js or a web `ReadableStream`, read as fast as the command reads; nothing.
   * A command that reads no more ends the reading of the stream, and goes on. Where the stream fails, the command is cancelled,
   * and the handle rejects with the stream's error. A stream takes an agent that has the feature `stdin`.
   */
  stdin?: string | InputStream | undefined
}

/** How a command is followed that `execute` starts. */
export interface ExecuteOptions {
  /**
   * Cancels the command at its agent as soon as it is aborted. The handle rejects with CANCELLED, whose `cause` is the
   * signal's reason, once the command has ended, after 15 s at the latest; its loops go on to the end of the output, and
   * throw the same. Aborted before the start, the command is not started. None; the command runs to its end.
   */
  signal?: AbortSignal | undefined
  /**
   * Whether a command that does not succeed makes the handle reject, and its loops throw behind the last item: with
   * COMMAND_FAILED, whose `outcome` says how it ended; the client's `throwOnError`.
   */
  throwOnError?: boolean | undefined
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
  /**
   * Stops listening as soon as it is aborted: the handle and its loops throw the signal's reason, and the command goes
   * on. None; it is followed to its end.
   */
  signal?: AbortSignal | undefined
  /** Whether a command that does not succeed makes the handle reject, as of `execute`; the client's `throwOnError`. */
  throwOnError?: boolean | undefined
}

/** Commands that a controller gives at a time at most. */
const LARGEST_PAGE = 200

export type Execute = (request: ExecuteRequest, options?: ExecuteOptions) => CommandRun

export function executeMethod(connection: Connection): Execute {
  const { pool } = connection
  return (request, { signal, throwOnError = connection.throwOnError } = {}) => {
    const command_id = request.command_id ?? newId()
    const { send, ...run } = runOf(connection, command_id)
    const stream = isInputStream(request.stdin) ? request.stdin : undefined
    const open_stdin = stream ? true : request.open_stdin
    const sent = { ...request, command_id, encoding: 'bytes', open_stdin }
    return new CommandRun({
      ...run,
      agent_id: request.agent_id,
      command: request.command,
      encoding: request.encoding ?? 'utf8',
      main: openStream(pool, 'execute', stream ? { ...sent, stdin: undefined } : sent),
      from_seq: 1,
      starts: true,
      lease: request.on_disconnect === 'cancel',
      signal,
      throwOnError,
      stdin: open_stdin ? { send, stream } : undefined,
    })
  }
}

/** `fetched` gives what the controller has at a path, such as a recording. */
export function commandMethods(
  connection: Connection,
  fetched: (file: Fetched) => AsyncIterable<Uint8Array>,
): CommandMethods {
  const { trpc, call } = connection
  const list: CommandMethods['list'] = (filter = {}, options) => {
    // A list asks when it is awaited, and no frame of the caller does that.
    const site = new CallSite(list)
    const page = (query: CommandFilter) =>
      call((each) => trpc.commands.list.query(query, each), options, site)
    return new Listing(
      () => page(filter),
      () => commandsOf(page, filter),
    )
  }
  const recording: CommandMethods['recording'] = (command_id, { signal } = {}) => {
    const site = new CallSite(recording, { command_id })
    return fetched({ path: `commands/${encodeURIComponent(command_id)}/recording.cast`, signal, site })
  }
  return {
    // With an id of its own a start that got lost on the way can be sent again.
    start: (request, options) => {
      const named = { ...request, command_id: request.command_id ?? newId() }
      return call((each) => trpc.commands.start.mutate(named, each), options, named)
    },
    attach: (command_id, options = {}) => {
      const { from_seq = 1, encoding = 'utf8', signal, throwOnError = connection.throwOnError } = options
      const { send, ...run } = runOf(connection, command_id)
      const main = run.follow(from_seq)
      return new CommandRun({
        ...run,
        ...{ encoding, main, from_seq, signal, throwOnError, stdin: { send } },
        starts: false,
        lease: false,
      })
    },
    get: (command_id, options) =>
      call((each) => trpc.commands.get.query({ command_id }, each), options, { command_id }),
    list,
    input: (piece, options) => input(connection, piece, options),
    cancel: (command_id, options) => cancel(connection, command_id, options),
    recording,
  }
}

/** Of all pages from this one on, large ones unless their size is given. */
async function* commandsOf(
  page: (query: CommandFilter) => Promise<CommandPage>,
  filter: CommandFilter,
): AsyncGenerator<CommandRecord, void> {
  let cursor: string | null | undefined = filter.cursor
  while (cursor !== null) {
    const { commands, next_cursor }: CommandPage = await page({ limit: LARGEST_PAGE, ...filter, cursor })
    yield* commands
    cursor = next_cursor
  }
}

async function cancel({ trpc, call }: Connection, command_id: string, options?: CallOptions): Promise<void> {
  await call((each) => trpc.commands.cancel.mutate({ command_id }, each), options, { command_id })
}

function input({ trpc, call }: Connection, piece: InputPiece, options?: CallOptions) {
  const { data, command_id, ...rest } = piece
  const sent: CommandInput =
    data instanceof Uint8Array
      ? { ...rest, command_id, data: decodeBytes(data, 'base64'), encoding: 'base64' }
      : { ...rest, command_id, data }
  return call((each) => trpc.commands.input.mutate(sent, each), options, { command_id })
}

/** What every handle of a command takes. */
function runOf(connection: Connection, command_id: string) {
  const { pool, renewToken, firstContactMs } = connection
  return {
    command_id,
    follow: (from_seq: number) =>
      openStream(pool, 'commands.follow', { command_id, from_seq, encoding: 'bytes' }),
    cancel: () => cancel(connection, command_id),
    send: (piece: Omit<InputPiece, 'command_id'>) => input(connection, { ...piece, command_id }),
    renewToken,
    firstContactMs,
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
