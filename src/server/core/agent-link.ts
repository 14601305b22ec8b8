import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import type { AgentLoad, LinkEvent } from '../../shared/link.js'

/** Orders that one agent may be behind. They are small mostly; one with a full stdin has a megabyte. */
const MAX_WAITING = 2000

/** The controller's end of one agent's link: from its hello to its close. */
export class AgentLink {
  readonly sid = newId()
  readonly agent_id: string
  readonly instance_id: string
  readonly connected_at = new Date().toISOString()
  /** Called once, when the link is closed by either side. */
  onClosed: () => void = () => {}

  /** What the agent said last of its work. */
  load: AgentLoad = { running: 0, queued: 0, outbox_bytes: 0 }

  #queue: LinkEvent[] = []
  #wake: (() => void) | undefined
  #closed = false

  constructor(agent_id: string, instance_id: string) {
    this.agent_id = agent_id
    this.instance_id = instance_id
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Orders that the agent's socket has not taken yet. */
  get queued(): number {
    return this.#queue.length
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
    this.#queue.push(event)
    this.#wake?.()
  }

  /** What is pushed, in order, until the link is closed. Leaving the loop closes the link. */
  async *events(): AsyncGenerator<LinkEvent, void> {
    try {
      while (!this.#closed) {
        const event = this.#queue.shift()
        if (event) {
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
    this.onClosed()
  }
}
