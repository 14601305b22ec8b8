import { LRUCache } from 'lru-cache'
import type { CommandState } from '../port.js'
import type { Base } from './form.redis.js'

/** Commands remembered by this process; each is a few KB. */
const KNOWN = 5000
/** A command whose text is longer than this is asked for each time instead. */
const LARGE = 16 * 1024

export type KnownCommand = { base: Base; state: CommandState }

/** Commands that this process has heard of, each as it was when that was last; the least recently used goes first. */
export class KnownCommands {
  readonly #known = new LRUCache<string, KnownCommand>({ max: KNOWN })

  get(command_id: string): KnownCommand | undefined {
    return this.#known.get(command_id)
  }

  remember(base: Base, state: CommandState): CommandState {
    const { command_id } = base.record
    if (state.record.command.length > LARGE) this.#known.delete(command_id)
    else this.#known.set(command_id, { base, state })
    return state
  }

  forget(command_id: string): void {
    this.#known.delete(command_id)
  }
}
