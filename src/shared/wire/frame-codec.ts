/**
 * How values travel. Two layers, both tRPC's own hooks: the transformer (superjson's format, so stock clients
 * read it: `transformer.ts`, `plain-transformer.ts`) and the WebSocket encoder (text frames as stock, binary frames where a
 * value holds bytes).
 *
 * A binary frame is `[u32 length of the head][head][bytes][bytes]…`, big-endian. The head is the JSON
 * `{"value":…,"parts":[{"at":["path","to",0],"length":12},…]}`; in `value` the bytes are `null`. Naming the
 * places, instead of marking them inside the value, leaves no text that could pass for a mark.
 */

export type Part = { at: (string | number)[]; length: number }

/** The WebSocket encoder of both sides: text frames are tRPC's own JSON, binary frames carry bytes. */
export const frameEncoder = {
  encode(value: unknown): string | Uint8Array<ArrayBuffer> {
    const pieces = framePieces(value)
    return typeof pieces === 'string' ? pieces : joinPieces(pieces)
  },
  /** Throws on what is not a frame of this format; tRPC answers that as a parse error. */
  decode(data: string | ArrayBuffer | Uint8Array): unknown {
    if (typeof data === 'string') return JSON.parse(data)
    return splitFrame(data instanceof Uint8Array ? data : new Uint8Array(data))
  },
}

const BRACE = 0x7b

/** Decodes a frame of either kind that was kept as bytes: a binary one begins with a length, and never with a brace. */
export function decodeKept(frame: Uint8Array): unknown {
  return frameEncoder.decode(frame[0] === BRACE ? textDecoder.decode(frame) : frame)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value with bytes taken out; copies only what lies on the way to them. */
function takeBytes(value: unknown, at: (string | number)[], parts: Part[], bytes: Uint8Array[]): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) {
    parts.push({ at, length: value.length })
    bytes.push(value)
    return null
  }
  const before = parts.length
  if (Array.isArray(value)) {
    const items = value.map((item, index) => takeBytes(item, [...at, index], parts, bytes))
    return parts.length === before ? value : items
  }
  const entries = Object.entries(value)
  let changed = false
  for (const entry of entries) {
    const [key, item] = entry
    if (typeof item !== 'object' || item === null) continue
    entry[1] = takeBytes(item, [...at, key], parts, bytes)
    changed ||= entry[1] !== item
  }
  return changed ? Object.fromEntries(entries) : value
}

const HEAD_LENGTH_BYTES = 4
const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder()

/** A value's bytes and the rest of it, apart: `parts` names where in `hollow` each of them belongs. */
export function separateBytes(value: unknown): { hollow: unknown; parts: Part[]; bytes: Uint8Array[] } {
  const parts: Part[] = []
  const bytes: Uint8Array[] = []
  return { hollow: takeBytes(value, [], parts, bytes), parts, bytes }
}

/** A frame before it is joined, for those who send it in pieces: text, or the head and then each of the bytes. */
export function framePieces(value: unknown): string | Uint8Array[] {
  const { hollow, parts, bytes } = separateBytes(value)
  if (parts.length === 0) return JSON.stringify(value)
  return [frameHead(JSON.stringify({ value: hollow, parts })), ...bytes]
}

/** What a binary frame begins with: the length of its head, and the head. */
export function frameHead(json: string): Uint8Array {
  const text = textEncoder.encode(json)
  const head = new Uint8Array(HEAD_LENGTH_BYTES + text.length)
  new DataView(head.buffer).setUint32(0, text.length)
  head.set(text, HEAD_LENGTH_BYTES)
  return head
}

/** A binary frame whole, for those who cannot send it in pieces. */
export function joinPieces(pieces: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    frame.set(piece, offset)
    offset += piece.length
  }
  return frame
}

/** What a binary frame holds. Throws on what is not one. */
export function splitFrame(frame: Uint8Array): unknown {
  if (frame.length < HEAD_LENGTH_BYTES) throw new Error('A binary frame begins with the length of its head.')
  const headLength = new DataView(frame.buffer, frame.byteOffset, frame.length).getUint32(0)
  let offset = HEAD_LENGTH_BYTES + headLength
  if (offset > frame.length) throw new Error('The head of a binary frame is longer than the frame.')
  const head: unknown = JSON.parse(textDecoder.decode(frame.subarray(HEAD_LENGTH_BYTES, offset)))
  if (!isRecord(head) || !Array.isArray(head.parts))
    throw new Error('The head of a binary frame lists its parts.')
  for (const part of head.parts) {
    if (
      !isRecord(part) ||
      !Array.isArray(part.at) ||
      !Number.isInteger(part.length) ||
      Number(part.length) < 0
    ) {
      throw new Error('A part of a binary frame has a place and a length.')
    }
    const end = offset + Number(part.length)
    if (end > frame.length) throw new Error('A part of a binary frame goes past its end.')
    putBytes(head, ['value', ...part.at], frame.subarray(offset, end))
    offset = end
  }
  if (offset !== frame.length) throw new Error('A binary frame holds more bytes than its parts name.')
  return head.value
}

/** Puts bytes where the sender left `null`, and nowhere else: a frame cannot reach into a prototype. */
function putBytes(root: unknown, at: unknown[], bytes: Uint8Array): void {
  let holder: unknown = root
  for (const [depth, key] of at.entries()) {
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key as PropertyKey)) break
    const slots = holder as Record<PropertyKey, unknown>
    if (depth < at.length - 1) {
      holder = slots[key as PropertyKey]
      continue
    }
    if (slots[key as PropertyKey] !== null) break
    slots[key as PropertyKey] = bytes
    return
  }
  throw new Error('A part of a binary frame has no place in its value.')
}
