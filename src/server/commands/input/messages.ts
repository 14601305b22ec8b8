import { z } from 'zod'
import {
  type InputAnswer,
  type InputOrder,
  inputAnswerSchema,
  inputOrderSchema,
} from '../../../shared/link/protocol.js'
import { decodeKept, frameEncoder } from '../../../shared/wire/frame-codec.js'

/** What controllers say to each other about the input of commands; the form of each. */
const VERSION = 1

const messageSchema = z.discriminatedUnion('kind', [
  z.object({ version: z.literal(VERSION), kind: z.literal('order'), order: inputOrderSchema }),
  z.object({
    version: z.literal(VERSION),
    kind: z.literal('answer'),
    agent_id: z.string(),
    answer: inputAnswerSchema,
  }),
  z.object({ version: z.literal(VERSION), kind: z.literal('look') }),
])

/** For the controller that has the link of an agent: an order for that agent. */
type OrderMessage = { kind: 'order'; order: InputOrder }
/** For those that wait for the input of a command: the answer of an agent. */
type AnswerMessage = { kind: 'answer'; agent_id: string; answer: InputAnswer }
/** For the same: the agent has the command now, or the command has ended. */
type LookMessage = { kind: 'look' }

export type InputMessage = OrderMessage | AnswerMessage | LookMessage

/** Where the controller that has the link of this agent listens. */
export const agentAddress = (agent_id: string) => `input:agent:${agent_id}`
/** Where those listen who wait for answers about the input of this command. */
export const commandAddress = (command_id: string) => `input:command:${command_id}`

export function encodeMessage(message: InputMessage): Uint8Array {
  const frame = frameEncoder.encode({ version: VERSION, ...message })
  return typeof frame === 'string' ? Buffer.from(frame) : frame
}

/** Undefined for what is no message, or one of another version. */
export function parseMessage(bytes: Uint8Array): InputMessage | undefined {
  try {
    return messageSchema.safeParse(decodeKept(bytes)).data
  } catch {
    // No frame at all.
    return undefined
  }
}
