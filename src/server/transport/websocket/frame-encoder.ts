import type { Encoder } from '@trpc/server/adapters/ws'
import {
  frameEncoder,
  frameHead,
  framePieces,
  type Part,
  separateBytes,
} from '../../../shared/wire/frame-codec.js'
import { Pieces } from './pieces.js'

/**
 * The one encoder of the controller's sockets, for tRPC's handler and for the fast path. What many subscribers share of
 * an event, its JSON and its bytes, is made once and goes to each socket uncopied: a subscriber that has stopped reading
 * holds a place in a queue, not a copy.
 */

/** Numbers in our own sessions; other clients may use text. */
export type CallId = number | string

/** Less than this is copied into each message; more goes as a fragment of its own. */
const COPIED_BYTES = 8 * 1024

/** An event's JSON and bytes. `json` is in bytes where it is too long to be copied. */
type Encoded = { json: string | Uint8Array; parts: string; bytes: Uint8Array[]; length: number }

/** By the event itself: what subscribers share is one and the same object. */
const encodedEvents = new WeakMap<object, Encoded>()
const utf8 = new TextEncoder()

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

/** An event of a subscription, with the id to resume after. `event` must not change any more. */
export function eventFrame(id: CallId, event_id: string, event: object): string | Pieces {
  const { json, parts, bytes, length } = encodeEvent(event)
  const quoted = JSON.stringify(event_id)
  const before = `{"id":${JSON.stringify(id)},"result":{"type":"data","id":${quoted},"data":{"json":{"id":${quoted},"data":`
  if (typeof json !== 'string') return new Pieces([utf8.encode(before), json, CLOSING], false)
  const message = `${before}${json}}}}}`
  if (bytes.length === 0) return message
  const pieces = [frameHead(`{"value":${message},"parts":${parts}}`), ...bytes]
  return new Pieces(length <= COPIED_BYTES ? [Buffer.concat(pieces)] : pieces, true)
}

/** Closes the brackets that an event's message has opened before it. */
const CLOSING = utf8.encode('}}}}')

function encodeEvent(event: object): Encoded {
  const known = encodedEvents.get(event)
  if (known) return known
  const { hollow, parts, bytes } = separateBytes(event)
  const places = parts.map(
    ({ at, length }): Part => ({ at: ['result', 'data', 'json', 'data', ...at], length }),
  )
  const json = JSON.stringify(hollow)
  const encoded: Encoded = {
    json: bytes.length === 0 && json.length > COPIED_BYTES ? utf8.encode(json) : json,
    parts: JSON.stringify(places),
    bytes,
    length: parts.reduce((sum, part) => sum + part.length, 0),
  }
  encodedEvents.set(event, encoded)
  return encoded
}

/** The same for the messages of tRPC's handler. What it gives is for a `SocketWriter` alone. */
export const socketEncoder: Encoder = {
  encode(value) {
    const encoded = isEventMessage(value)
      ? eventFrame(value.id, value.result.id, value.result.data.json.data)
      : piecesOf(value)
    // tRPC hands what this gives to the socket's `send` and looks at it no further; ours takes pieces.
    return encoded as string
  },
  decode: frameEncoder.decode,
}

function piecesOf(value: unknown): string | Pieces {
  const pieces = framePieces(value)
  return typeof pieces === 'string' ? pieces : new Pieces(pieces, true)
}

type EventMessage = {
  id: CallId
  result: { type: 'data'; id: string; data: { json: { id: string; data: object } } }
}

/** What tRPC makes of a tracked event that JSON and bytes carry whole, as all of ours are. */
function isEventMessage(value: unknown): value is EventMessage {
  const { id, jsonrpc, result } = value as Partial<EventMessage> & { jsonrpc?: unknown }
  if (jsonrpc !== undefined || (typeof id !== 'number' && typeof id !== 'string')) return false
  if (result?.type !== 'data' || typeof result.id !== 'string' || !hasOnlyJson(result.data)) return false
  const { json } = result.data
  return typeof json === 'object' && json?.id === result.id && isObject(json.data)
}

function hasOnlyJson(data: object): boolean {
  return !('meta' in data)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
