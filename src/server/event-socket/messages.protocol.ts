import { z } from 'zod'
import { OgentError } from '../../shared/errors.js'
import { problemOf } from '../transport/http/problem.js'
import { parse } from '../transport/http/request.js'

/** The events that a client may send. */
const requestNames = [
  'authenticate',
  'execute_command_request',
  'follow_command_request',
  'cancel_command_request',
] as const

const messageSchema = z.strictObject({
  event: z.enum(requestNames, `takes ${requestNames.join(', ')}`),
  /** Chosen by the client: every answer to this message has it. */
  request_id: z.string().min(1).max(128).optional(),
  data: z.record(z.string(), z.unknown()).default({}),
})

/** A message of a client. */
export type Request = z.output<typeof messageSchema>

/** A message to a client. `id`: of an event of a command, to go on after. */
export type Answer = { event: string; id?: string; request_id?: string | undefined; data: unknown }

/** Throws BAD_REQUEST, VALIDATION_FAILED. */
export function parseMessage(data: Buffer, isBinary: boolean): Request {
  if (isBinary) throw new OgentError('BAD_REQUEST', 'Messages are JSON, in text frames.')
  return parse(messageSchema, parseJson(data.toString()), 'body')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new OgentError('BAD_REQUEST', 'This message is not JSON.', { cause })
  }
}

export function encodeMessage(message: Answer): string {
  return JSON.stringify(message)
}

/** What an error is answered with: the problem that REST answers with. */
export function errorMessage(error: OgentError, request_id: string | undefined): Answer {
  return { event: 'error', request_id, data: problemOf(error, request_id) }
}
