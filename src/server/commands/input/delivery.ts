import type { InputAnswer, InputOrder } from '../../../shared/link/protocol.js'
import type { AgentLink } from '../../agents/connection.js'
import type { Agents } from '../../agents/registry.js'
import type { Listening, Relay } from '../../cluster/ports.js'
import type { Events } from '../../events.js'
import type { Log } from '../../telemetry/ports.js'
import { agentAddress, commandAddress, encodeMessage, type InputMessage, parseMessage } from './messages.js'

export type InputDeliveryOptions = {
  agents: Agents
  relay: Relay
  events: Events
  log: Log
  /** Whether an agent may have the order of its command. */
  mayHaveOrder(agent_id: string, command_id: string): boolean
}

/** An agent whose link is here, and the commands that were sent input by it, each with how much of that was taken. */
type Served = { listening: Listening; taken: Map<string, number> }

/**
 * The side of the agents' links: brings input that came here, or to another controller, to the agents that are connected
 * here, and their answers to those who wait. Keeps nothing for a link that does not read: what waits for an answer sends again.
 */
export class InputDelivery {
  readonly #options: InputDeliveryOptions
  readonly #served = new Map<string, Served>()
  readonly #unsubscribe: (() => void)[]

  constructor(options: InputDeliveryOptions) {
    this.#options = options
    const { events } = options
    this.#unsubscribe = [
      events.on('agent_connected', ({ agent }) => this.#checkLink(agent.agent_id)),
      events.on('agent_moved', ({ agent_id }) => this.#checkLink(agent_id)),
      events.on('link_lost', ({ agent_id }) => this.#checkLink(agent_id)),
      // Input that was there before its command had no effect.
      events.on('order_sent', ({ command_id }) => this.#tell(command_id, { kind: 'look' })),
      events.on('command_ended', ({ command_id, agent_id }) => {
        if (this.#served.get(agent_id)?.taken.delete(command_id)) this.#tell(command_id, { kind: 'look' })
      }),
    ]
  }

  /** Sends the order to the agent, wherever its link is. Whether it got there, its answer says. */
  send(agent_id: string, order: InputOrder): void {
    const { agents, relay } = this.#options
    const link = agents.link(agent_id)
    if (link) this.#push(link, order)
    else relay.send(agentAddress(agent_id), encodeMessage({ kind: 'order', order }))
  }

  /** Answers of an agent, by the link that it has here. Those about commands that were sent nothing by it are dropped. */
  answered({ agent_id }: AgentLink, answers: InputAnswer[]): void {
    const taken = this.#served.get(agent_id)?.taken
    for (const answer of answers) {
      const { command_id } = answer
      const before = taken?.get(command_id)
      if (before === undefined) continue
      const bytes = answer.taken - before
      if (bytes > 0) {
        taken?.set(command_id, answer.taken)
        this.#options.events.publish({ type: 'input_taken', command_id, bytes })
      }
      this.#tell(command_id, { kind: 'answer', agent_id, answer })
    }
  }

  close(): void {
    for (const end of this.#unsubscribe) end()
    for (const { listening } of this.#served.values()) listening.close()
    this.#served.clear()
  }

  #push(link: AgentLink, order: InputOrder): void {
    const { agent_id } = link
    const { command_id, offset } = order
    if (!link.features.includes('stdin')) {
      // Such an agent runs commands without an open standard input alone.
      const answer: InputAnswer = { command_id, taken: 0, state: 'closed' }
      return this.#tell(command_id, { kind: 'answer', agent_id, answer })
    }
    const taken = this.#served.get(agent_id)?.taken
    if (!taken || !link.hasRoom || !this.#options.mayHaveOrder(agent_id, command_id)) return
    // What was taken by another link is not counted once more.
    if (!taken.has(command_id)) taken.set(command_id, offset)
    link.push(order)
  }

  #checkLink(agent_id: string): void {
    const { agents, relay } = this.#options
    const served = this.#served.get(agent_id)
    if (!agents.link(agent_id)) {
      served?.listening.close()
      this.#served.delete(agent_id)
    } else if (!served) {
      const onMessage = (message: Uint8Array) => this.#heard(agent_id, message)
      const listening = relay.listen(agentAddress(agent_id), onMessage)
      this.#served.set(agent_id, { listening, taken: new Map() })
    }
  }

  #heard(agent_id: string, bytes: Uint8Array): void {
    const message = parseMessage(bytes)
    const link = this.#options.agents.link(agent_id)
    if (message?.kind === 'order' && link) this.#push(link, message.order)
    if (message?.kind !== 'order') this.#options.log.warn({ agent_id }, 'a message about input was not read')
  }

  #tell(command_id: string, message: InputMessage): void {
    this.#options.relay.send(commandAddress(command_id), encodeMessage(message))
  }
}
