import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { login } from '../../src/client/transport/login.js'
import { Session } from '../../src/client/transport/session.js'
import type {
  ExecuteOrder,
  Hello,
  InputAnswer,
  InputOrder,
  LinkEvent,
  Receipt,
  Registered,
  Report,
  UnsupportedOrder,
} from '../../src/shared/link/protocol.js'
import { accounts } from './system.js'

export const SHA256_OF_NOTHING = createHash('sha256').digest('hex')

/** Any fields in a report, right or wrong. */
export type AnyReport = { command_id: string; kind: Report['kind']; n: number } & Record<string, unknown>

/**
 * An agent that says what its test wants: the real link over a real socket, with nothing behind it. `await using`
 * closes the link.
 */
export class RogueAgent {
  readonly agent_id: string
  readonly #session: Session
  readonly #events: LinkEvent[] = []
  /** What the controller said first. */
  registered!: Registered
  #wake: () => void = () => {}

  private constructor(session: Session, agent_id: string) {
    this.#session = session
    this.agent_id = agent_id
  }

  /** Resolves when it is registered. */
  static async connect(
    url: string,
    agent_id: string,
    hello: Partial<Hello> = {},
    given?: string,
  ): Promise<RogueAgent> {
    const token = given ?? (await login({ url, ...accounts.agent }))
    const session = await Session.open({ url, token })
    const rogue = new RogueAgent(session, agent_id)
    try {
      await rogue.#register({ ...helloOf(agent_id), ...hello })
      return rogue
    } catch (error) {
      session.close()
      throw error
    }
  }

  /** Resolves when the link is closed by either side. */
  get closed(): Promise<unknown> {
    return this.#session.closed
  }

  /** Rejects when the link is closed before it comes, by either side. */
  async next<T extends LinkEvent['type']>(type: T): Promise<Extract<LinkEvent, { type: T }>> {
    while (true) {
      const at = this.#events.findIndex((event) => event.type === type)
      // Found by its type.
      if (at >= 0) return this.#events.splice(at, 1)[0] as Extract<LinkEvent, { type: T }>
      const closed = this.#session.closed.then((reason) => {
        throw reason
      })
      await Promise.race([closed, new Promise<void>((resolve) => (this.#wake = resolve))])
    }
  }

  order(): Promise<ExecuteOrder> {
    return this.next('execute_command_event')
  }

  /** The next order with input. */
  input(): Promise<InputOrder> {
    return this.next('stdin_command_event')
  }

  /** How many orders have come and were not asked for by `next`. */
  get waiting(): number {
    return this.#events.filter(({ type }) => type === 'execute_command_event').length
  }

  /** Rejects with the controller's error shape where the batch is refused. */
  report(...reports: AnyReport[]): Promise<Receipt[]> {
    const timestamp = new Date().toISOString()
    return this.#send({ reports: reports.map((report) => ({ timestamp, ...report })) })
  }

  /** Says that it does not support these orders. */
  refuse(...unsupported: UnsupportedOrder[]): Promise<Receipt[]> {
    return this.#send({ reports: [], unsupported })
  }

  /** Says how far it is with the input of commands. */
  answer(...inputs: InputAnswer[]): Promise<Receipt[]> {
    return this.#send({ reports: [], inputs })
  }

  #send(batch: object): Promise<Receipt[]> {
    const input = { sid: this.registered.sid, ...batch }
    return new Promise((resolve, reject) => {
      this.#session.call(
        { type: 'mutation', path: 'agentReport', input },
        {
          data: (data) => resolve((data as { receipts: Receipt[] }).receipts),
          error: reject,
          complete() {},
        },
      )
    })
  }

  close(): void {
    this.#session.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.#session.closed
  }

  async #register(hello: Hello): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#session.call(
        { type: 'subscription', path: 'agentLink', input: hello },
        {
          data: (data) => {
            // Every event of this subscription is tracked: `{id, data}`.
            const { data: event } = data as { data: LinkEvent }
            if (event.type === 'registered') {
              this.registered = event
              return resolve()
            }
            this.#events.push(event)
            this.#wake()
          },
          error: reject,
          complete: () => reject(new Error('The controller closed the link.')),
        },
      )
    })
  }
}

export function started(command_id: string, n = 1, more: Record<string, unknown> = {}): AnyReport {
  return { command_id, n, kind: 'started', execution_type: 'local', target: 'rogue', ...more }
}

export function waiting(command_id: string, n: number): AnyReport {
  return { command_id, n, kind: 'waiting', reason: 'Waiting for something.' }
}

export function output(command_id: string, n: number, offset: number, text: string | Uint8Array): AnyReport {
  return { command_id, n, kind: 'output', stream: 'stdout', offset, data: Buffer.from(text) }
}

/** The end of a command that wrote this to stdout; a success unless `more` says otherwise. */
export function ended(
  command_id: string,
  n: number,
  stdout: string | Uint8Array = '',
  more: Record<string, unknown> = {},
): AnyReport {
  return {
    command_id,
    n,
    kind: 'result',
    status: 'success',
    execution_type: 'local',
    target: 'rogue',
    exit_code: 0,
    signal: null,
    reason: null,
    duration_ms: 1,
    stdout_bytes: Buffer.byteLength(stdout),
    stderr_bytes: 0,
    stdout_sha256: createHash('sha256').update(stdout).digest('hex'),
    stderr_sha256: SHA256_OF_NOTHING,
    ...more,
  }
}

function helloOf(agent_id: string): Hello {
  return {
    protocol: 1,
    agent_id,
    instance_id: `rogue-${process.pid}-${agent_id}`,
    info: {
      platform: 'Linux',
      version: 'rogue',
      python: null,
      node: process.version,
      ssh_enabled: false,
      ssh_target: null,
      hostname: hostname(),
      arch: process.arch,
      agent_version: 'rogue',
      max_concurrent_commands: 16,
    },
    labels: {},
    commands: [],
  }
}
