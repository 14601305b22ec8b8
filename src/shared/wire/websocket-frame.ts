/**
 * The header of a WebSocket frame that is a whole message (RFC 6455, 5.2), for those who write the message's parts to
 * the connection one by one: joining them would copy all output once more on this side, and sending each as a fragment
 * would have it copied once more on the other. `masked` is for clients; the mask is zero.
 */
export function frameHeader(length: number, kind: 'text' | 'binary', masked: boolean): Uint8Array {
  const long = length > 0xffff ? 8 : length > 125 ? 2 : 0
  const header = new Uint8Array(2 + long + (masked ? MASK_BYTES : 0))
  const view = new DataView(header.buffer)
  view.setUint8(0, FINAL | (kind === 'text' ? 1 : 2))
  view.setUint8(1, (masked ? MASKED : 0) | (long === 8 ? 127 : long === 2 ? 126 : length))
  if (long === 2) view.setUint16(2, length)
  if (long === 8) view.setBigUint64(2, BigInt(length))
  return header
}

const FINAL = 0x80
const MASKED = 0x80
const MASK_BYTES = 4
