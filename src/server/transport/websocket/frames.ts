import type { Encoder } from '@trpc/server/adapters/ws'
import {
  type CommandEvent,
  type RawCommandEvent,
  toTextEvent,
  toWireEvent,
} from '../../../shared/commands/event.js'
import type { Encoding, WireEncoding } from '../../../shared/commands/request.js'
import { frameEncoder, framePieces } from '../../../shared/wire/frame-codec.js'
import { Pieces } from './writer.js'

/**
 * What many followers of one command share: a chunk's bytes go to each socket as they are, uncopied, as a
 * fragment of the message; its text is made once for all who read text, and kept while they come for it. A reader
 * that has stopped reading so holds a place in a queue, not a copy.
 */

/** Events whose text is kept; followers that are live come within moments of each other. */
const KEPT = 32
const utf8 = new TextEncoder()
/** What closes the brackets that `aroundShared` leaves open. */
const CLOSING = utf8.encode('}}}}')

type Shared = { event: CommandEvent; json: Uint8Array | undefined }

const texts = new Map<RawCommandEvent, Map<Encoding, Shared>>()
/** From the text event back to where its JSON is kept. */
const sharedOf = new WeakMap<object, Shared>()

/** A journal event for one reader: the same object for all who read it alike. */
export function sharedWireEvent(event: RawCommandEvent, encoding: WireEncoding): CommandEvent {
  if (encoding === 'bytes') return toWireEvent(event, encoding)
  const known = texts.get(event)?.get(encoding)
  if (known) return known.event
  const shared: Shared = { event: toTextEvent(event, encoding), json: undefined }
  sharedOf.set(shared.event, shared)
  const all = texts.get(event) ?? new Map<Encoding, Shared>()
  texts.set(event, all.set(encoding, shared))
  const [oldest] = texts.keys()
  if (texts.size > KEPT && oldest) texts.delete(oldest)
  return shared.event
}

/** The encoder of the controller's sockets. What it gives for bytes is for a `SocketWriter` alone. */
export const socketEncoder: Encoder = {
  encode(value) {
    const shared = trackedEvent(value)
    const pieces = shared ? aroundShared(value, shared) : framePieces(value)
    if (typeof pieces === 'string') return pieces
    // tRPC hands what this gives to the socket's `send` and looks at it no further; ours takes pieces.
    return new Pieces(pieces, shared === undefined) as unknown as string
  },
  decode: frameEncoder.decode,
}

/** The text event inside a subscription's message, where it is a shared one. */
function trackedEvent(value: unknown): Shared | undefined {
  const data = (value as TrackedMessage).result?.data?.json?.data
  return typeof data === 'object' && data !== null ? sharedOf.get(data) : undefined
}

/** The message's JSON in three pieces, the middle one the event's own, made once for all who read it. */
function aroundShared(value: unknown, shared: Shared): Uint8Array[] {
  shared.json ??= utf8.encode(JSON.stringify(shared.event))
  // Found by `trackedEvent`, so it is a tracked message of tRPC's.
  const { result, ...message } = value as { result: { data: { json: { id: string } } } }
  const { data, ...rest } = result
  const outer = JSON.stringify({ ...message, result: rest })
  const id = JSON.stringify(data.json.id)
  // `outer` ends with the two brackets of the result and of the message.
  return [utf8.encode(`${outer.slice(0, -2)},"data":{"json":{"id":${id},"data":`), shared.json, CLOSING]
}

type TrackedMessage = { result?: { data?: { json?: { data?: unknown } } } }
