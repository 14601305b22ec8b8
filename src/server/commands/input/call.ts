import type { CommandInputReply } from '../../../shared/commands/input.js'
import { OgentError } from '../../../shared/errors.js'
import type { InputAnswer, InputOrder } from '../../../shared/link/protocol.js'
import type { CommandState } from '../../journal/port.js'
import type { Piece } from './piece.js'

export type InputCallOptions = {
  piece: Piece
  agent_id: string
  /** The account that calls. */
  account: string
  /** The command as it was when the call came. */
  state: CommandState
  /** Sends an order to the link of the agent, wherever that is: it may be lost, and be there twice. */
  send(order: InputOrder): void
  /** The command as it is now; rejects while the store is away. */
  look(): Promise<CommandState | undefined>
}

/** How long a call waits for its piece to be taken, in ms. */
const LONGEST_MS = 15_000
/** After so long without an answer the order is sent again, in ms, and then after twice as long each time. */
const AGAIN_MS = 1000
const NOTHING = new Uint8Array()

/**
 * One call that writes a piece of input: it sends the piece until the agent's answer covers it. The agent alone knows what
 * was taken, so that an order that was lost, or came twice, does no harm.
 */
export class InputCall {
  readonly #options: InputCallOptions
  readonly #done: Promise<CommandInputReply>
  #resolve: (reply: CommandInputReply) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #settled = false
  #known: InputAnswer | undefined
  /** Whether the agent has reported on the command: only then its `closed` is the last that there is to say. */
  #acknowledged: boolean
  /** Whether the agent has no room: it is asked how far it is, and gets the data again when it has. */
  #asksOnly = false
  #againMs = AGAIN_MS
  #again: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined

  constructor(options: InputCallOptions) {
    this.#options = options
    this.#acknowledged = options.state.last_report > 0
    this.#done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // It may end before its caller waits for it.
    this.#done.catch(() => {})
  }

  get command_id(): string {
    return this.#options.piece.command_id
  }

  get agent_id(): string {
    return this.#options.agent_id
  }

  get account(): string {
    return this.#options.account
  }

  /** Whether it only asks how far the input is. */
  get isQuestion(): boolean {
    const { data, end } = this.#options.piece
    return data.length === 0 && !end
  }

  /** Bytes that it holds while it waits. */
  get bytes(): number {
    return this.#options.piece.data.length
  }

  /** Whether it waits for a program that does not read: its caller may as well be told so. */
  get isFull(): boolean {
    return this.#asksOnly
  }

  /** Sends the piece. Rejects with AGENT_OFFLINE, COMMAND_ENDED, and what it was ended with. */
  begin(): Promise<CommandInputReply> {
    if (!this.#settled) {
      this.#deadline = setTimeout(() => this.#late(), LONGEST_MS)
      this.#ask()
    }
    return this.#done
  }

  /** The agent's answer to an order for the command, of this call or another one, or to none. */
  answered(answer: InputAnswer): void {
    if (this.#settled) return
    if (answer.state === 'closed') return void this.#answeredClosed(answer)
    if (answer.state === 'ended') return this.#reply(answer)
    // Answers may overtake each other on their ways.
    if (answer.taken < (this.#known?.taken ?? 0)) return
    this.#known = answer
    this.#acknowledged = true
    const { offset, data, end } = this.#options.piece
    // What is missing in between has to come first.
    if (answer.taken < offset) return this.#reply(answer)
    if (answer.taken >= offset + data.length && !end) return this.#reply(answer)
    if (answer.state === 'full') {
      this.#asksOnly = true
    } else if (this.#asksOnly) {
      this.#asksOnly = false
      this.#againMs = AGAIN_MS
      this.#ask()
    }
  }

  /** The command may have ended, or its agent may have it only now: looks, and sends again. */
  async look(): Promise<void> {
    const hasEnded = await this.#lookUp()
    if (this.#settled) return
    if (hasEnded) return this.#commandEnded()
    this.#ask()
  }

  /** Gives its place to another call: what is known is the reply, else it is `error`. */
  giveUp(error: OgentError): void {
    if (this.#known) this.#reply({ ...this.#known, state: 'full' })
    else this.fail(error)
  }

  fail(error: OgentError): void {
    if (this.#settled) return
    this.#settle()
    this.#reject(error)
  }

  #ask(): void {
    const { piece, send } = this.#options
    const { command_id, offset, data } = piece
    const to = offset + data.length
    const from = Math.min(Math.max(this.#known?.taken ?? 0, offset), to)
    const type = 'stdin_command_event'
    clearTimeout(this.#again)
    this.#again = setTimeout(() => void this.look(), this.#againMs)
    this.#againMs *= 2
    if (this.#asksOnly) return send({ type, command_id, offset: from, data: NOTHING })
    const end = piece.end ? { end: true } : {}
    send({ type, command_id, offset: from, data: data.subarray(from - offset), ...end })
  }

  /** An order that was there before that of the command found no such command, which is no end. */
  async #answeredClosed(answer: InputAnswer): Promise<void> {
    if (!this.#acknowledged) {
      const hasEnded = await this.#lookUp()
      if (this.#settled) return
      if (hasEnded) return this.#commandEnded()
    }
    if (this.#acknowledged) this.#reply(answer)
    else this.#known ??= answer
  }

  async #lookUp(): Promise<boolean> {
    try {
      const state = await this.#options.look()
      this.#acknowledged ||= state !== undefined && state.last_report > 0
      return state === undefined || state.result_seq !== undefined
    } catch {
      // The agent can be asked while the store is away.
      return false
    }
  }

  #commandEnded(): void {
    if (this.#known) return this.#reply({ ...this.#known, state: 'closed' })
    this.fail(new OgentError('COMMAND_ENDED', `Command ${this.command_id} has ended.`))
  }

  #late(): void {
    const why = `Agent ${this.agent_id} did not answer; what it has taken of the input is not known. Send it again.`
    this.giveUp(new OgentError('AGENT_OFFLINE', why))
  }

  #reply({ taken, state }: InputAnswer): void {
    if (this.#settled) return
    this.#settle()
    this.#resolve({ command_id: this.command_id, taken, state })
  }

  #settle(): void {
    this.#settled = true
    clearTimeout(this.#again)
    clearTimeout(this.#deadline)
  }
}
