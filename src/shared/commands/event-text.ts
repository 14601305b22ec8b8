import type { CommandEvent, RawCommandEvent, RawCommandResult, RawOutputEvent } from './event.js'
import type { Encoding, WireEncoding } from './request.js'
import type { CommandResult } from './result.js'

/** Events as readers take them: bytes, or text. Apart from their schemas, which the SDK does without. */

/** Whether an event is a chunk of output. */
export function isOutput(event: RawCommandEvent): event is RawOutputEvent {
  return event.type === 'command_progress' && event.state === 'output'
}

// A byte order mark is output like any other: a decoder that eats it would make text and bytes differ.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Bytes as text for one reader. Chunks are cut on character boundaries, so each is complete in itself. */
export function decodeBytes(data: Uint8Array, encoding: Encoding): string {
  return encoding === 'utf8' ? decoder.decode(data) : toBase64(data)
}

/** A journal event as text for one reader. */
export function toTextEvent(event: RawCommandEvent, encoding: Encoding): CommandEvent {
  if (isOutput(event)) return { ...event, data: decodeBytes(event.data, encoding) }
  if (event.type === 'command_result') {
    return { ...event, result: toTextResult(event.result, encoding) }
  }
  return event
}

/** A result as text for one reader. */
export function toTextResult(result: RawCommandResult, encoding: Encoding): CommandResult {
  return {
    ...result,
    stdout: decodeBytes(result.stdout, encoding),
    stderr: decodeBytes(result.stderr, encoding),
  }
}

/** A journal event as it goes on the wire: untouched for those who read bytes. */
export function toWireEvent(event: RawCommandEvent, encoding: WireEncoding): CommandEvent {
  // A reader of bytes gets the raw event under the text event's static type: the router's type is written
  // for the documented readers, and the SDK, the only one to ask for bytes, turns it back at its own edge.
  if (encoding === 'bytes') return event as unknown as CommandEvent
  return toTextEvent(event, encoding)
}

/** What Node.js does it with, many times faster than what browsers have too. */
const { Buffer: nodeBuffer } = globalThis as {
  Buffer?: {
    from(data: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'base64'): string }
  }
}

function toBase64(data: Uint8Array): string {
  if (nodeBuffer) return nodeBuffer.from(data.buffer, data.byteOffset, data.length).toString('base64')
  let binary = ''
  for (let at = 0; at < data.length; at += 0x8000) {
    binary += String.fromCharCode(...data.subarray(at, at + 0x8000))
  }
  return btoa(binary)
}
