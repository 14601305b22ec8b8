import { frameHead, type Part, separateBytes } from '../../../shared/wire/frame-codec.js'
import type { LiveEvent } from './live-call.js'
import { Pieces } from './writer.js'

/**
 * The frames of the fast path: what tRPC and its transformer would make of the same messages. Many followers of
 * one command share the JSON of an event, and its bytes.
 */

/** Calls are numbered by our own sessions. */
export type CallId = number | string

/** Less output than this is copied into its frame; more goes as a fragment of its own. */
const COPIED_BYTES = 8 * 1024

type Made = { json: string; parts: string; bytes: Uint8Array[]; length: number }

const made = new WeakMap<object, Made>()

export function startedFrame(id: CallId): string {
  return `{"id":${JSON.stringify(id)},"result":{"type":"started"}}`
}

export function stoppedFrame(id: CallId): string {
  return `{"id":${JSON.stringify(id)},"result":{"type":"stopped"}}`
}

export function answerFrame(id: CallId, answer: unknown): string {
  return `{"id":${JSON.stringify(id)},"result":{"type":"data","data":{"json":${JSON.stringify(answer)}}}}`
}

/** `shape`: the error as tRPC's formatter gives it. */
export function errorFrame(id: CallId, shape: unknown): string {
  return `{"id":${JSON.stringify(id)},"error":{"json":${JSON.stringify(shape)}}}`
}

export function eventFrame(id: CallId, { id: event_id, data }: LiveEvent<unknown>): string | Pieces {
  const { json, parts, bytes, length } = separate(data)
  const quoted = JSON.stringify(event_id)
  const message = `{"id":${JSON.stringify(id)},"result":{"type":"data","id":${quoted},"data":{"json":{"id":${quoted},"data":${json}}}}}`
  if (bytes.length === 0) return message
  const head = frameHead(`{"value":${message},"parts":${parts}}`)
  const pieces = [head, ...bytes]
  return new Pieces(length <= COPIED_BYTES ? [Buffer.concat(pieces)] : pieces, true)
}

function separate(data: unknown): Made {
  // Events are objects; what is shared by many followers is one and the same.
  const key = data as object
  const known = made.get(key)
  if (known) return known
  const { hollow, parts, bytes } = separateBytes(data)
  const placed = parts.map(
    ({ at, length }): Part => ({ at: ['result', 'data', 'json', 'data', ...at], length }),
  )
  const separated: Made = {
    json: JSON.stringify(hollow),
    parts: JSON.stringify(placed),
    bytes,
    length: parts.reduce((sum, part) => sum + part.length, 0),
  }
  made.set(key, separated)
  return separated
}
