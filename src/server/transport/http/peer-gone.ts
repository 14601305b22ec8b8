import { systemCode } from '../../../shared/errors.js'

const CODES = ['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']

/** Whether an error says no more than that a connection broke, or that what came over it was no WebSocket's. */
export function isPeerGone(error: unknown): boolean {
  const code = String(systemCode(error))
  if (CODES.includes(code) || code.startsWith('WS_ERR_')) return true
  return error instanceof Error && error.cause !== undefined && isPeerGone(error.cause)
}
