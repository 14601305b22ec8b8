import type { Listening, Relay } from './ports.js'

type OnMessage = (message: Uint8Array) => void

/** The relay of a controller that has its store to itself, and of each controller the part that stays in its process. */
export class LocalRelay implements Relay {
  readonly #listeners = new Map<string, Set<OnMessage>>()

  send(address: string, message: Uint8Array): void {
    // A listener may close itself, or open another one, while it is called.
    for (const onMessage of [...(this.#listeners.get(address) ?? [])]) onMessage(message)
  }

  listen(address: string, onMessage: OnMessage): Listening {
    const listeners = this.#listeners.get(address) ?? new Set()
    // The same function may listen twice: each has an entry of its own.
    const own: OnMessage = (message) => onMessage(message)
    this.#listeners.set(address, listeners.add(own))
    const close = () => {
      listeners.delete(own)
      if (listeners.size === 0 && this.#listeners.get(address) === listeners) this.#listeners.delete(address)
    }
    return { opened: Promise.resolve(), close }
  }
}
