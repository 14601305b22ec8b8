import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { OgentError } from '../../../shared/errors.js'
import { destroyLater } from './destroy-later.js'
import { problemOf } from './problem.js'

/** Answers what is no HTTP, or comes too slowly to be one, in the shape of all errors; then the connection ends. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // Where something was answered before, another answer may be under way: nothing of ours belongs into that.
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) return void socket.destroy()
  const { status, sentence } = known[error.code ?? ''] ?? {
    status: 400,
    sentence: 'This is not an HTTP request that can be read.',
  }
  socket.end(wholeAnswer({ ...problemOf(new OgentError('BAD_REQUEST', sentence)), status }))
  // The peer may keep its side open for as long as it likes.
  destroyLater(socket)
}

/** The answer to a connection that is one too many. */
export const fullAnswer = wholeAnswer(
  problemOf(
    new OgentError('UNAVAILABLE', 'The controller has as many connections as it can: try again in a moment.'),
  ),
  ['Retry-After: 5'],
)

function wholeAnswer(problem: { status: number }, headers: string[] = []): string {
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

const known: Record<string, { status: number; sentence: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, sentence: 'The request took too long to arrive.' },
  HPE_HEADER_OVERFLOW: { status: 431, sentence: 'The headers are too large.' },
}
