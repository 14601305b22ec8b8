import { createTRPCClient, type TRPCClient } from '@trpc/client'
import type { Session } from '../../client/transport/session.js'
import { sessionLink } from '../../client/transport/trpc-link.js'
import type { AppRouter } from '../../server/app-router.js'
import type { AuditCheckpoint } from '../../shared/access/audit.js'
import type { AgentInfo } from '../../shared/agents/agent.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import {
  type AgentLoad,
  type Hello,
  type InputAnswer,
  linkEventSchema,
  linkProtocols,
  type Order,
  type Receipt,
  type Registered,
  type Report,
  type ReportBatch,
  receiptsSchema,
  type UnsupportedOrder,
  unsupportedOrderSchema,
  type WitnessAnswer,
  whatIsWrong,
} from '../../shared/link/protocol.js'
import { MESSAGE_BYTES, type Outbox } from '../commands/outbox.js'
import type { Log } from '../commands/ports.js'
import { replyFields } from './reason.js'

/** Messages that wait for their receipt; while all are out, reports gather in the outbox. */
const MAX_IN_FLIGHT = 64

/** How long what is not urgent waits for company, in ms: a line is never held longer. */
const COMPANY_MS = 3

/** On a link that was quiet for so long, in ms, there is no company to wait for. */
const QUIET_MS = 1

/** Answers to input that one message takes. */
const MOST_ANSWERS = 4096

export type ConnectionHandlers = {
  onRegistered(registered: Registered): void
  /** `controllerNow` is the controller's clock by this side's monotonic one, in ms since 1970. */
  onOrder(order: Order, controllerNow: number): void
  /** The checkpoints of the audit that this agent has kept. */
  witnessed?(): AuditCheckpoint[]
}

/** What an agent tells beside its reports. */
type News =
  | { info: AgentInfo }
  | { load: AgentLoad }
  | { unsupported: UnsupportedOrder[] }
  | { inputs: InputAnswer[] }
  | { witnessed: WitnessAnswer[] }

/** One connection of the agent from its hello to its end: orders come down, reports go up. */
export class Connection {
  readonly #client: TRPCClient<AppRouter>
  readonly #session: Session
  readonly #outbox: Outbox
  readonly #handlers: ConnectionHandlers
  readonly #log: Log
  #sid: string | undefined
  #protocol: number = linkProtocols.oldest
  #controllerOffset = 0
  #inFlight = 0
  #scheduled = false
  #sentAt = 0
  #later: NodeJS.Timeout | undefined
  #ended = false
  /** By command: the last answer of each says what those before it did. */
  readonly #answers = new Map<string, InputAnswer>()
  /** Whether the controller has sent input: one that has not may know nothing of answers to it. */
  #sendsInput = false
  /** The id that the hello named. */
  #agentId: string | undefined
  #end: (reason: unknown) => void = () => {}

  constructor(session: Session, outbox: Outbox, handlers: ConnectionHandlers, log: Log) {
    this.#session = session
    this.#outbox = outbox
    this.#handlers = handlers
    this.#log = log
    this.#client = createTRPCClient<AppRouter>({ links: [sessionLink(() => session)] })
  }

  /** Whether the controller has taken the hello. */
  get registered(): boolean {
    return this.#sid !== undefined
  }

  /** Says hello and serves the link. Resolves, with the reason, when the link is over; never rejects. */
  async run(hello: Hello): Promise<unknown> {
    this.#outbox.onReady = (urgent) => (urgent ? this.#schedule() : this.#scheduleLater())
    try {
      return await this.#serve(hello)
    } finally {
      this.#ended = true
      clearTimeout(this.#later)
      this.#outbox.onReady = () => {}
      this.#session.close()
    }
  }

  /** Tells the controller what has changed about this agent. A link that breaks meanwhile has a new hello. */
  inform(news: News): void {
    if (this.#sid === undefined || this.#ended) return
    this.#client.agentReport.mutate({ sid: this.#sid, reports: [], ...news }).catch((error) => {
      this.#log.debug({ cause: messageOf(error) }, 'the controller was not told')
    })
  }

  /** Answers input, all of one turn of the event loop together. What a broken link loses is asked for again on the next. */
  answer(answer: InputAnswer): void {
    if (!this.#sendsInput) return
    this.#answers.set(answer.command_id, answer)
    if (this.#answers.size > 1) return
    setImmediate(() => {
      const inputs = [...this.#answers.values()]
      this.#answers.clear()
      while (inputs.length > 0) this.inform({ inputs: inputs.splice(0, MOST_ANSWERS) })
    })
  }

  #serve(hello: Hello): Promise<unknown> {
    return new Promise((resolve) => {
      this.#agentId = hello.agent_id
      this.#end = resolve
      void this.#session.closed.then(resolve)
      this.#client.agentLink.subscribe(hello, {
        onData: (event) => this.#receive(event),
        onError: resolve,
        onComplete: () => resolve(new Error('The controller closed the link.')),
      })
    })
  }

  /** Nothing of a message is used before all of it has been checked: the controller is not trusted. */
  #receive(message: { data?: unknown } | undefined): void {
    if (this.#ended) return
    const { data: event, error } = linkEventSchema.safeParse(message?.data)
    // A registration that cannot be read leaves a link that is good for nothing; an order, the others.
    if (!event && this.#sid === undefined) {
      return this.#end(
        new Error(`The controller's answer to the hello cannot be read: ${whatIsWrong(error)}`),
      )
    }
    if (!event) return this.#refuse(message?.data, whatIsWrong(error))
    if (event.type === 'checkpoints_event') {
      const checkpoints = this.#handlers.witnessed?.() ?? []
      return this.inform({ witnessed: [{ ask: event.ask, checkpoints }] })
    }
    if (event.type !== 'registered') {
      if (event.type === 'stdin_command_event') this.#sendsInput = true
      this.#handlers.onOrder(event, performance.now() + this.#controllerOffset)
      return
    }
    if (this.#agentId !== undefined && event.agent_id !== this.#agentId) {
      return this.#end(
        new Error(`The controller calls this agent ${event.agent_id} instead of ${this.#agentId}.`),
      )
    }
    const { protocol = linkProtocols.oldest } = event
    if (protocol > linkProtocols.newest) {
      return this.#end(
        new Error(`The controller speaks protocol ${protocol} of the link: update this agent.`),
      )
    }
    this.#protocol = protocol
    this.#sid = event.sid
    this.#controllerOffset = event.server_time - performance.now()
    this.#outbox.takes(event.features ?? [])
    this.#outbox.confirm(event.receipts)
    this.#handlers.onRegistered(event)
    this.#outbox.rewind()
    this.#schedule()
  }

  /** Answers a message that is none of the orders of this version; no command is touched by it. */
  #refuse(message: unknown, cause: string): void {
    const { data: order } = unsupportedOrderSchema.safeParse(message)
    this.#log.warn({ cause, ...order }, 'a message of the controller cannot be read, and is not obeyed')
    if (order && this.#protocol >= 2) this.inform({ unsupported: [order] })
  }

  /** On a quiet link a report leaves at once; else those of one turn of the event loop share a message. */
  #schedule(): void {
    if (this.#scheduled || this.#sid === undefined) return
    if (performance.now() - this.#sentAt > QUIET_MS) return this.#send()
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #scheduleLater(): void {
    this.#later ??= setTimeout(() => {
      this.#later = undefined
      this.#schedule()
    }, COMPANY_MS)
  }

  #send(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    while (!this.#ended && this.#sid !== undefined && this.#inFlight < MAX_IN_FLIGHT) {
      const reports = this.#outbox.take(MESSAGE_BYTES)
      if (reports.length === 0) return
      this.#sentAt = performance.now()
      this.#report(this.#sid, reports)
    }
  }

  /** On the session itself: a client's call brings an observable and an AbortController with it for each message. */
  #report(sid: string, reports: Report[]): void {
    const batch: ReportBatch = { sid, reports }
    const call = { type: 'mutation', path: 'agentReport', input: batch } as const
    this.#inFlight += 1
    this.#session.call(call, {
      data: (data) => {
        this.#inFlight -= 1
        const answer = receiptsSchema.safeParse(data)
        if (answer.success) return this.#receipt(answer.data.receipts)
        this.#end(new Error(`The controller's receipt cannot be read: ${whatIsWrong(answer.error)}`))
      },
      error: (error) => {
        this.#inFlight -= 1
        if (this.#ended) return
        // What was not receipted is sent again on the next connection; this one cannot be relied on.
        const fields =
          error instanceof OgentError ? { cause: error.message, code: error.code } : replyFields(error.shape)
        this.#log.warn(fields, 'reports were not taken, connecting anew')
        this.#session.close()
      },
      complete: () => {},
    })
  }

  #receipt(receipts: Receipt[]): void {
    if (this.#ended) return
    this.#outbox.receipt(receipts)
    // With nothing in flight, what was sent and is not receipted was not taken: it goes again.
    if (this.#inFlight === 0) this.#outbox.rewind()
    this.#send()
  }
}
