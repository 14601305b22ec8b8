import type { AgentLink } from '../../agents/connection.js'

/**
 * Lets orders out one after another for each link, as its agent reads them: an order may hold a megabyte, so it is read
 * from the store when its turn has come, and a backlog costs no memory.
 */
export class OrderQueue {
  readonly #last = new WeakMap<AgentLink, Promise<void>>()

  /** Whether an order may leave at once: none waits before it, and the link has room. */
  isFree(link: AgentLink): boolean {
    return link.hasRoom && !this.#last.has(link)
  }

  /** Calls `send` once all before it have been sent and the link has room; not at all when it is closed by then. */
  enqueue(link: AgentLink, send: () => Promise<void>): Promise<void> {
    const turn = (this.#last.get(link) ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        await link.room()
        if (!link.closed) await send()
      })
    this.#last.set(link, turn)
    const settle = () => {
      if (this.#last.get(link) === turn) this.#last.delete(link)
    }
    turn.then(settle, settle)
    return turn
  }
}
