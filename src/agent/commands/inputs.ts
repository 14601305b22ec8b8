import type { InputAnswer, InputOrder } from '../../shared/link/protocol.js'
import { CommandInput } from './input.js'

/** Inputs of ended commands that are remembered; the oldest is forgotten beyond that, and is then answered as an unknown one. */
const MOST_PAST = 1000

/** The inputs of the commands that were started with an open one, and how far those of the last ended ones came. */
export class Inputs {
  readonly #answer: (answer: InputAnswer) => void
  readonly #open = new Map<string, CommandInput>()
  readonly #past = new Map<string, InputAnswer>()

  constructor(answer: (answer: InputAnswer) => void) {
    this.#answer = answer
  }

  /** Opens the input of a command that is new. */
  open(command_id: string): CommandInput {
    const input = new CommandInput(command_id, this.#answer)
    this.#open.set(command_id, input)
    return input
  }

  /** Takes a piece for the command that it names; answers it in each case. */
  take(order: InputOrder): void {
    const { command_id } = order
    const input = this.#open.get(command_id)
    if (input) return input.take(order)
    this.#answer(this.#past.get(command_id) ?? { command_id, taken: 0, state: 'closed' })
  }

  /** The command has ended. Without effect where it has no input. */
  close(command_id: string): void {
    const input = this.#open.get(command_id)
    if (!input) return
    input.close()
    this.#open.delete(command_id)
    this.#past.set(command_id, input.progress)
    const [oldest] = this.#past.keys()
    if (this.#past.size > MOST_PAST && oldest !== undefined) this.#past.delete(oldest)
  }
}
