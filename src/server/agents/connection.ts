import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import type { AgentLoad, LinkEvent } from '../../shared/link/protocol.js'

/** Orders that one agent may be behind. */
const MAX_WAITING = 2000
/** While the orders that it has not read have so many characters, no more are put behind them. */
const FULL_LENGTH = 4 * 1024 * 1024

/** The controller's end of one agent's link: from its hello to its close. */
export class AgentLink {
  readonly sid = newId()
  readonly agent_id: string
  readonly instance_id: string
  readonly connected_at = new Date().toISOString()
  /** What the agent supports beyond its protocol, by name, as its hello said. */
  features: readonly string[] = []
  /** The signature of the checkpoint of the audit that it was sent last. */
  witnessed: string | undefined
  /** The identity by whose key the agent came; undefined where it came by the password of an account. */
  identity_id: string | undefined
  /** What the agent said last of its work. */
  load: AgentLoad = { running: 0, queued: 0, outbox_bytes: 0 }

  #queue: LinkEvent[] = []
  #length = 0
  #onRoom: (() => void)[] = []
  #wake: (() => void) | undefined
  readonly #onClosed: (link: AgentLink) => void
  #closed = false

  /** `onClosed` is called once, when the link is closed by either side. */
  constructor(agent_id: string, instance_id: string, onClosed: (link: AgentLink) => void = () => {}) {
    this.agent_id = agent_id
    this.instance_id = instance_id
    this.#onClosed = onClosed
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Orders that the agent's socket has not taken yet. */
  get queued(): number {
    return this.#queue.length
  }

  get hasRoom(): boolean {
    return this.#length < FULL_LENGTH && this.#queue.length < MAX_WAITING
  }

  /** Resolves when there is room for another order, and when the link is closed. */
  async room(): Promise<void> {
    while (!this.#closed && !this.hasRoom) await new Promise<void>((resolve) => this.#onRoom.push(resolve))
  }

  /** Throws AGENT_BUSY when the agent is too far behind with reading its orders. */
  push(event: LinkEvent): void {
    if (this.#closed) return
    if (this.#queue.length >= MAX_WAITING) {
      throw new OgentError(
        'AGENT_BUSY',
        `Agent ${this.agent_id} has ${MAX_WAITING} orders that it has not read.`,
      )
    }
    // What was ordered while the hello was being answered comes after the answer.
    if (event.type === 'registered') this.#queue.unshift(event)
    else this.#queue.push(event)
    this.#length += lengthOf(event)
    this.#wake?.()
  }

  /** What is pushed, in order, until the link is closed. Leaving the loop closes the link. */
  async *events(): AsyncGenerator<LinkEvent, void> {
    try {
      while (!this.#closed) {
        const event = this.#queue.shift()
        if (event) {
          this.#length -= lengthOf(event)
          if (this.hasRoom) this.#wakeRoom()
          yield event
          continue
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      this.close()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue = []
    this.#wake?.()
    this.#wakeRoom()
    this.#onClosed(this)
  }

  #wakeRoom(): void {
    for (const resolve of this.#onRoom.splice(0)) resolve()
  }
}

/** Characters of an order's texts, and bytes of its input. */
function lengthOf(event: LinkEvent): number {
  if (event.type === 'stdin_command_event') return event.data.length
  if (event.type !== 'execute_command_event') return 0
  const env = Object.entries(event.env ?? {}).flat()
  return event.command.length + (event.stdin?.length ?? 0) + env.join('').length
}
