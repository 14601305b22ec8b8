import { getTRPCErrorShape } from '@trpc/server'
import type { RawData } from 'ws'
import { OgentError } from '../../../shared/errors.js'
import { frameEncoder } from '../../../shared/wire/frame-codec.js'
import { transformer } from '../../../shared/wire/transformer.js'
import { admitCall, type Context, mustKnow, toTrpcError } from '../trpc/trpc.js'
import {
  answerFrame,
  type CallId,
  errorFrame,
  eventFrame,
  startedFrame,
  stoppedFrame,
} from './frame-encoder.js'
import type { SocketGate } from './gate.js'
import type { LiveCall } from './live-call.js'
import type { SocketWriter } from './writer.js'

/** The router's part that a fast path serves, and what formats its errors. */
export type FastPathRoutes = {
  calls: Record<string, LiveCall>
  config: Parameters<typeof getTRPCErrorShape>[0]['config']
}

export type FastPathOptions = FastPathRoutes & {
  /** Who calls on this socket; undefined while that is not known, or where binary frames are not read. */
  context: () => Promise<Context> | undefined
  writer: SocketWriter
  gate: SocketGate
  /** Calls that one frame may hold. */
  maxBatchSize: number
  onError: (error: Error & { code?: string }, path: string) => void
}

/** A message of tRPC's protocol, as far as it is read here. */
type Message = {
  id: CallId
  method: string
  params?: { path?: unknown; input?: unknown; lastEventId?: unknown }
}

/**
 * Serves the live calls of our own sessions on a socket, in tRPC's own protocol but without what a call costs there
 * (a third of a short command's time in the controller); all other messages go on to tRPC's handler. Same schemas,
 * same rule of access, same functions, same errors.
 */
export class FastPath {
  readonly #options: FastPathOptions
  readonly #open = new Map<CallId, AbortController>()
  #closed = false

  constructor(options: FastPathOptions) {
    this.#options = options
  }

  /** What is left of a message for tRPC's handler; undefined where nothing is. */
  take(data: RawData, isBinary: boolean): RawData | undefined {
    const context = this.#options.context()
    if (!context || !Buffer.isBuffer(data)) return data
    const messages = decode(data, isBinary)
    if (!Array.isArray(messages)) return this.#takeOne(messages, context, data.length) ? undefined : data
    // Too many for a frame: tRPC's handler says so.
    if (messages.length > this.#options.maxBatchSize) return data
    const share = data.length / messages.length
    const rest = messages.filter((message) => !this.#takeOne(message, context, share))
    if (rest.length === messages.length) return data
    return rest.length === 0 ? undefined : Buffer.from(JSON.stringify(rest))
  }

  /** Ends its subscriptions; called once the socket is closed. */
  close(): void {
    this.#closed = true
    for (const aborter of this.#open.values()) aborter.abort()
  }

  /** `bytes`: its part of the frame that it came in. */
  #takeOne(message: unknown, context: Promise<Context>, bytes: number): boolean {
    if (!isMessage(message)) return false
    const { id, method, params } = message
    if (method === 'subscription.stop') {
      const aborter = this.#open.get(id)
      aborter?.abort()
      return aborter !== undefined
    }
    const path = params?.path
    if (typeof path !== 'string' || !Object.hasOwn(this.#options.calls, path)) return false
    const call = this.#options.calls[path]
    if (!call || call.type !== method) return false
    if (this.#open.has(id)) {
      this.#fail(id, path, call.type, new OgentError('BAD_REQUEST', `Duplicate id ${id}`), never)
      return true
    }
    if (call.type === 'mutation') {
      const { gate } = this.#options
      gate.storing(bytes)
      this.#answer(id, call, params, context)
        .catch((error) => this.#fail(id, path, call.type, error, never))
        .finally(() => gate.stored(bytes))
      return true
    }
    const aborter = new AbortController()
    this.#open.set(id, aborter)
    this.#subscribe(id, call, params, context, aborter.signal)
      .catch((error) => this.#fail(id, path, call.type, error, aborter.signal))
      .finally(() => this.#open.delete(id))
    return true
  }

  async #subscribe(
    id: CallId,
    call: LiveCall & { type: 'subscription' },
    params: Message['params'],
    context: Promise<Context>,
    signal: AbortSignal,
  ): Promise<void> {
    const { writer, gate } = this.#options
    const ctx = await context
    const caller = mustKnow(await admitCall(ctx, call.access))
    const events = call.open(inputOf(params), { ctx, caller, signal })
    writer.write(startedFrame(id), 'coalesce')
    for await (const event of events) {
      if (gate.full) await gate.room(signal)
      if (signal.aborted) break
      writer.write(eventFrame(id, event.id, event.data), event.flush)
    }
    if (!this.#closed) writer.write(stoppedFrame(id))
  }

  async #answer(
    id: CallId,
    call: LiveCall & { type: 'mutation' },
    params: Message['params'],
    context: Promise<Context>,
  ): Promise<void> {
    const ctx = await context
    const caller = mustKnow(await admitCall(ctx, call.access))
    const answer = await call.open(inputOf(params), { ctx, caller, signal: never })
    if (!this.#closed) this.#options.writer.write(answerFrame(id, answer), 'coalesce')
  }

  #fail(id: CallId, path: string, type: LiveCall['type'], cause: unknown, signal: AbortSignal): void {
    const { writer, config, onError } = this.#options
    if (this.#closed) return
    // A client that stopped a subscription gets the answer that it has stopped, not an error.
    if (signal.aborted) return writer.write(stoppedFrame(id))
    const error = toTrpcError(cause)
    onError(error, path)
    const shape = getTRPCErrorShape({ config, error, type, path, input: undefined, ctx: undefined })
    writer.write(errorFrame(id, shape))
  }
}

/** A mutation that was begun goes on to its end. */
const never = new AbortController().signal

function decode(data: Buffer, isBinary: boolean): unknown {
  try {
    return frameEncoder.decode(isBinary ? data : data.toString())
  } catch {
    // What cannot be read is for tRPC to refuse.
    return undefined
  }
}

function isMessage(message: unknown): message is Message {
  if (typeof message !== 'object' || message === null) return false
  const { id, method } = message as Partial<Message>
  return (typeof id === 'number' || typeof id === 'string') && typeof method === 'string'
}

/** As tRPC has it: an id to go on after travels beside the input, and counts as a part of it. */
function inputOf(params: Message['params']): unknown {
  const input = transformer.deserialize(params?.input)
  const lastEventId = params?.lastEventId
  if (typeof lastEventId !== 'string' || typeof input !== 'object' || input === null) return input
  return { ...input, lastEventId }
}
