import type { RawData } from 'ws'
import type { StreamName } from './shell.js'

/** What the bare relay speaks: JSON text for control; for output `[u32 id][u8 stream][bytes]`. */
export type Control =
  | { t: 'hello'; agent: string }
  | { t: 'run'; id: number; agent: string; command: string }
  | { t: 'exit'; id: number; code: number | null }
  | { t: 'follow'; id: number }
  | { t: 'following'; id: number }

/** Bytes that may wait in a socket before its source is paused. */
export const HIGH_WATER = 4 * 1024 * 1024

const HEAD_BYTES = 5

/** Both ends are ours, so what arrives has one of the forms above. */
export function parseControl(data: RawData): Control {
  return JSON.parse(bytesOf(data).toString()) as Control
}

export function joinOutput(id: number, stream: StreamName, bytes: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + bytes.length)
  frame.writeUInt32BE(id)
  frame[4] = stream === 'stdout' ? 1 : 2
  bytes.copy(frame, HEAD_BYTES)
  return frame
}

export function splitOutput(frame: Buffer): { id: number; stream: StreamName; bytes: Buffer } {
  const stream = frame[4] === 1 ? 'stdout' : 'stderr'
  return { id: frame.readUInt32BE(), stream, bytes: frame.subarray(HEAD_BYTES) }
}

/** `ws` gives one Buffer unless told otherwise; its type names all that it could give. */
export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}
