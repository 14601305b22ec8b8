import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { OgentError } from '../../shared/errors.js'
import { problemOf } from './problem.js'

/** Answers what is no HTTP, or comes too slowly to be one, in the shape of all errors; then the connection ends. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // Where something was answered before, another answer may be under way: nothing of ours belongs into that.
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) return void socket.destroy()
  const { status, sentence } = known[error.code ?? ''] ?? {
    status: 400,
    sentence: 'This is not an HTTP request that can be read.',
  }
  const body = JSON.stringify({ ...problemOf(new OgentError('BAD_REQUEST', sentence)), status })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const known: Record<string, { status: number; sentence: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, sentence: 'The request took too long to arrive.' },
  HPE_HEADER_OVERFLOW: { status: 431, sentence: 'The headers are too large.' },
}
