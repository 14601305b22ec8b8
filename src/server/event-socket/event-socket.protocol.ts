import type { RawData } from 'ws'
import { z } from 'zod'
import { OgentError } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'
import { toIdentity } from '../transport/caller.js'
import { parse } from '../transport/http/request.js'
import { strict } from '../transport/strict.js'
import { admitCall, type Context, knownError, mustKnow } from '../transport/trpc/trpc.js'
import type { LiveCall } from '../transport/websocket/live-call.js'
import type { Protocol, SocketTransport } from '../transport/websocket/transport.js'
import { type Answer, encodeMessage, errorMessage, parseMessage, type Request } from './messages.protocol.js'

type LiveSubscription = LiveCall & { type: 'subscription' }

/** The operations that it adapts. */
export type EventSocketOptions = {
  execute: LiveSubscription
  follow: LiveSubscription
  agentEvents: LiveSubscription
  cancel(ctx: Context, input: object): Promise<unknown>
  log: Log
}

const authenticateSchema = z.object({
  token: z.string().min(1).max(8192),
  /** Whether the client wants to hear of agents that come and go. */
  agents: z.boolean().default(true),
})

/**
 * The events of the original system for clients that speak no tRPC, as plain JSON: who connects says a token first, then
 * sends requests, and gets the events of the commands that it started and of agents.
 */
export class EventSocket implements Protocol {
  readonly #transport: SocketTransport
  readonly #options: EventSocketOptions
  readonly #closed = new AbortController()
  #context: Promise<Context> | undefined

  constructor(transport: SocketTransport, options: EventSocketOptions) {
    this.#transport = transport
    this.#options = options
    transport.socket.once('close', () => this.#closed.abort())
    // A client that can set headers need not send its token in a message.
    if (transport.request.headers.authorization !== undefined) this.#identify(undefined, true, undefined)
  }

  onMessage(data: RawData, isBinary: boolean): void {
    let request: Request | undefined
    try {
      // `ws` gives other kinds only to those who ask for them.
      request = parseMessage(Buffer.isBuffer(data) ? data : Buffer.alloc(0), isBinary)
      this.#take(request)
    } catch (error) {
      this.#fail(error, request?.request_id)
    }
  }

  ping(): void {
    if (this.#transport.isOpen) this.#transport.socket.ping()
  }

  askToReconnect(): void {
    this.#transport.close(1012, 'the controller is stopping')
  }

  #take({ event, request_id, data }: Request): void {
    if (event === 'authenticate') {
      if (this.#context) throw new OgentError('BAD_REQUEST', 'This connection has its token already.')
      const { token, agents } = parse(strict(authenticateSchema), data, 'body')
      return this.#identify(token, agents, request_id)
    }
    const context = this.#context
    if (!context) throw new OgentError('UNAUTHORIZED', 'Send `authenticate` with a token first.')
    const { execute, follow } = this.#options
    const done =
      event === 'cancel_command_request'
        ? this.#cancel(context, data, request_id)
        : this.#stream(event === 'execute_command_request' ? execute : follow, context, data, request_id)
    done.catch((error) => this.#fail(error, request_id))
  }

  #identify(token: string | undefined, agents: boolean, request_id: string | undefined): void {
    const context = this.#transport.identify(token)
    this.#context = context
    this.#greet(context, agents, request_id).catch((error) => this.#fail(error, request_id))
  }

  async #greet(context: Promise<Context>, agents: boolean, request_id: string | undefined): Promise<void> {
    const { identity } = await context
    if (identity instanceof OgentError) {
      this.#fail(identity, request_id)
      return this.#transport.close(4401, 'the token was refused')
    }
    this.#send({ event: 'authenticated', request_id, data: toIdentity(identity) })
    const { agentEvents } = this.#options
    // An agent's account sees no other agents.
    if (agents && identity.kind !== 'agent' && !identity.roles.includes('agent'))
      await this.#stream(agentEvents, context, {}, undefined)
  }

  async #cancel(context: Promise<Context>, data: object, request_id: string | undefined): Promise<void> {
    const cancelled = await this.#options.cancel(await context, data)
    this.#send({ event: 'cancel_requested', request_id, data: cancelled })
  }

  async #stream(
    call: LiveSubscription,
    context: Promise<Context>,
    data: object,
    request_id: string | undefined,
  ): Promise<void> {
    const { gate, writer } = this.#transport
    const { signal } = this.#closed
    const ctx = await context
    const caller = mustKnow(await admitCall(ctx, call.access))
    for await (const { id, data: event, flush } of call.open(data, { ctx, caller, signal })) {
      const type = 'type' in event ? String(event.type) : ''
      // Who was there before is for `GET /agents`.
      if (type === 'snapshot') continue
      if (gate.full) await gate.room(signal)
      if (signal.aborted) return
      writer.write(encodeMessage({ event: type, id, request_id, data: event }), flush)
    }
  }

  #send(answer: Answer): void {
    this.#transport.send(encodeMessage(answer))
  }

  #fail(error: unknown, request_id: string | undefined): void {
    if (this.#closed.signal.aborted) return
    const known = knownError(error)
    if (known.code === 'INTERNAL') {
      this.#options.log.error({ err: error, request_id }, 'a message of a socket failed unexpectedly')
    }
    this.#send(errorMessage(known, request_id))
  }
}
