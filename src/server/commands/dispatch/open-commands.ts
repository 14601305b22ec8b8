import type { AgentLink } from '../../agents/connection.js'
import type { CommandState } from '../../journal/port.js'

/**
 * How far the order of an open command has come. `waiting`: it has not left this controller. `withdrawn`: it never leaves,
 * since its command is being ended. `sent`: it may have left, from this controller or one before it. `acknowledged`: its
 * agent has reported on the command, and from then on the order is the agent's.
 */
export type OrderState = 'waiting' | 'withdrawn' | 'sent' | 'acknowledged'

/** What is known of an open command besides its journal. */
export type OpenCommand = {
  command_id: string
  agent_id: string
  order: OrderState
  /** The link by which it was sent last. */
  sentBy: AgentLink | undefined
  /** Whether it goes with the last of its subscribers. */
  leased: boolean
  timer: NodeJS.Timeout | undefined
}

// setTimeout takes 31 bits.
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The open commands that a controller owns, each with at most one timer: what will be done about it next. */
export class OpenCommands {
  readonly #commands = new Map<string, OpenCommand>()

  get all(): OpenCommand[] {
    return [...this.#commands.values()]
  }

  get(command_id: string): OpenCommand | undefined {
    return this.#commands.get(command_id)
  }

  of(agent_id: string): OpenCommand[] {
    return this.all.filter((open) => open.agent_id === agent_id)
  }

  /** The command, which is added where it is new. */
  add(state: CommandState): OpenCommand {
    const { command_id, agent_id } = state.record
    const held = this.#commands.get(command_id)
    if (held) return held
    const open: OpenCommand = {
      command_id,
      agent_id,
      order: state.last_report > 0 ? 'acknowledged' : 'waiting',
      sentBy: undefined,
      leased: state.on_disconnect === 'cancel',
      timer: undefined,
    }
    this.#commands.set(command_id, open)
    return open
  }

  /** As `add`, of a command whose order may have left. */
  addSent(state: CommandState): OpenCommand {
    const open = this.add(state)
    this.mayBeSent(open)
    return open
  }

  mayBeSent(open: OpenCommand): void {
    if (!hasLeft(open)) open.order = 'sent'
  }

  /** Does this after so many ms, and nothing of what was scheduled before. */
  schedule(open: OpenCommand, ms: number, act: () => void): void {
    clearTimeout(open.timer)
    open.timer = setTimeout(act, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
  }

  clearTimer(open: OpenCommand): void {
    clearTimeout(open.timer)
  }

  remove(open: OpenCommand): void {
    clearTimeout(open.timer)
    this.#commands.delete(open.command_id)
  }

  clear(): void {
    for (const open of this.#commands.values()) clearTimeout(open.timer)
    this.#commands.clear()
  }
}

/** Whether the agent of the command may have its order. */
export function hasLeft({ order }: OpenCommand): boolean {
  return order === 'sent' || order === 'acknowledged'
}
