import type { ParsedCommandInput } from '../../../shared/commands/input.js'
import { limits } from '../../../shared/commands/limits.js'
import { utf8Bytes } from '../../../shared/commands/request.js'
import { OgentError } from '../../../shared/errors.js'

/** A piece of what a command reads, as bytes. */
export type Piece = { command_id: string; offset: number; data: Uint8Array; end: boolean }

/** The bytes of a piece. Throws VALIDATION_FAILED where `data` is not what `encoding` says, or is too much. */
export function toPiece({ command_id, offset, data, encoding, end = false }: ParsedCommandInput): Piece {
  const bytes = encoding === 'base64' ? fromBase64(data) : fromText(data)
  if (!Number.isSafeInteger(offset + bytes.length)) throw invalid('offset', 'is too far', 'too_big')
  return { command_id, offset, data: bytes, end }
}

function fromText(text: string): Uint8Array {
  // A text has at least as many bytes as characters.
  if (text.length > limits.input || utf8Bytes(text) > limits.input) throw tooMuch()
  return Buffer.from(text)
}

function fromBase64(text: string): Uint8Array {
  // Buffer leaves out what is not base64, and would write other bytes than the caller has.
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw invalid('data', 'is not base64, with its padding', 'invalid_format')
  if ((text.length / 4) * 3 > limits.input + 2) throw tooMuch()
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length > limits.input) throw tooMuch()
  return bytes
}

function tooMuch(): OgentError {
  return invalid('data', `takes ${limits.input / 1024} KiB at most`, 'too_big')
}

function invalid(field: string, msg: string, type: string): OgentError {
  return new OgentError('VALIDATION_FAILED', `${field}: ${msg}`, { issues: [{ loc: [field], msg, type }] })
}
