import { resolvesWithin } from '../../../shared/async/timeout.js'
import type { CommandInputReply, ParsedCommandInput } from '../../../shared/commands/input.js'
import { isRequester } from '../../../shared/commands/record.js'
import { OgentError } from '../../../shared/errors.js'
import type { InputAnswer } from '../../../shared/link/protocol.js'
import type { AgentLink } from '../../agents/connection.js'
import type { Journal } from '../../journal/journal.js'
import type { CommandState } from '../../journal/port.js'
import type { Actor } from '../../transport/caller.js'
import type { Policy } from '../../transport/policy.js'
import { InputCall } from './call.js'
import { InputDelivery, type InputDeliveryOptions } from './delivery.js'
import { commandAddress, parseMessage } from './messages.js'
import { type Piece, toPiece } from './piece.js'
import { WaitingCalls } from './waiting-calls.js'

export type CommandInputsOptions = InputDeliveryOptions & {
  journal: Journal
  policy: Policy
}

/** How long the first order waits until answers of other controllers are heard, in ms: one that is missed is asked for again. */
const LISTEN_MS = 1000

/**
 * What people do with the standard input of commands that were started with `open_stdin`. Nothing of it is kept: the agent
 * knows how much it has taken, and a caller sends again what it has not.
 */
export class CommandInputs {
  readonly #options: CommandInputsOptions
  readonly #delivery: InputDelivery
  readonly #calls = new WaitingCalls()
  readonly #unsubscribe: (() => void)[]
  #closed = false

  constructor(options: CommandInputsOptions) {
    this.#options = options
    const { events } = options
    this.#delivery = new InputDelivery(options)
    this.#unsubscribe = [
      events.on('agent_connected', ({ agent }) => {
        for (const call of this.#calls.all) if (call.agent_id === agent.agent_id) void call.look()
      }),
      events.on('command_ended', ({ command_id }) => {
        for (const call of this.#calls.of(command_id)) void call.look()
      }),
    ]
  }

  /**
   * Writes a piece, and resolves when the agent has taken it, with how far the input is then; with `full` where the command
   * does not read for a while. Throws FORBIDDEN, COMMAND_NOT_FOUND, COMMAND_ENDED, VALIDATION_FAILED, RATE_LIMITED,
   * AGENT_OFFLINE where no agent has answered, UNAVAILABLE, and CLOSED when `signal` aborts.
   */
  async input(actor: Actor, input: ParsedCommandInput, signal: AbortSignal): Promise<CommandInputReply> {
    const { journal, policy } = this.#options
    const state = await journal.getState(input.command_id)
    const { command_id, agent_id, requested_by } = state.record
    policy.authorize(actor, 'run.shell', { command_id, agent_id, requested_by })
    if (!isRequester(state.record, actor)) {
      const sentence = `Command ${command_id} was requested by another account, which alone may write its input.`
      throw new OgentError('FORBIDDEN', sentence)
    }
    const piece = toPiece(input)
    if (state.result_seq !== undefined)
      throw new OgentError('COMMAND_ENDED', `Command ${command_id} has ended.`)
    if (this.#closed) throw shuttingDown()
    return this.#write(this.#call(actor, piece, state), signal)
  }

  /** See `InputDelivery.answered`. */
  answered(link: AgentLink, answers: InputAnswer[]): void {
    this.#delivery.answered(link, answers)
  }

  /** Ends every call with UNAVAILABLE; another controller can go on. */
  close(): void {
    this.#closed = true
    for (const end of this.#unsubscribe) end()
    for (const call of this.#calls.all) call.fail(shuttingDown())
    this.#delivery.close()
  }

  #call({ name: username }: Actor, piece: Piece, state: CommandState): InputCall {
    const { journal } = this.#options
    const { command_id, agent_id } = state.record
    return new InputCall({
      piece,
      agent_id,
      account: username,
      state,
      send: (order) => this.#delivery.send(agent_id, order),
      look: () => journal.state(command_id),
    })
  }

  async #write(call: InputCall, signal: AbortSignal): Promise<CommandInputReply> {
    const { relay, agents } = this.#options
    const onAbort = () => call.fail(new OgentError('CLOSED', 'The caller is gone.'))
    this.#calls.add(call)
    const answers = relay.listen(commandAddress(call.command_id), (message) => this.#heard(call, message))
    signal.addEventListener('abort', onAbort)
    try {
      if (signal.aborted) onAbort()
      if (!agents.link(call.agent_id)) await resolvesWithin(answers.opened, LISTEN_MS)
      return await call.begin()
    } finally {
      answers.close()
      this.#calls.remove(call)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #heard(call: InputCall, bytes: Uint8Array): void {
    const message = parseMessage(bytes)
    const { command_id, agent_id } = call
    if (message?.kind === 'look') return void call.look()
    if (message?.kind !== 'answer')
      return this.#options.log.warn({ command_id }, 'a message about input was not read')
    const { answer } = message
    // No agent speaks for the command of another one.
    if (message.agent_id === agent_id && answer.command_id === command_id) call.answered(answer)
  }
}

function shuttingDown(): OgentError {
  return new OgentError('UNAVAILABLE', 'The controller is shutting down.')
}
