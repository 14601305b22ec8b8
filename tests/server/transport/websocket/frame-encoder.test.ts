import { describe, expect, test } from 'vitest'
import { sharedWireEvent } from '../../../../src/server/commands/shared-events.js'
import { eventFrame, socketEncoder } from '../../../../src/server/transport/websocket/frame-encoder.js'
import { Pieces } from '../../../../src/server/transport/websocket/pieces.js'
import type { RawCommandEvent } from '../../../../src/shared/commands/event.js'
import { frameEncoder } from '../../../../src/shared/wire/frame-codec.js'

function output(text: string): RawCommandEvent {
  return {
    type: 'command_progress',
    command_id: 'c',
    agent_id: 'a',
    state: 'output',
    stream: 'stdout',
    data: Buffer.from(text),
    // Only what the encoder looks at is of interest here.
  } as unknown as RawCommandEvent
}

/** The message as a client reads it. */
function decoded(frame: unknown): unknown {
  if (typeof frame === 'string') return frameEncoder.decode(frame)
  if (!(frame instanceof Pieces)) throw new Error('neither text nor pieces')
  const whole = Buffer.concat(frame.list)
  return frameEncoder.decode(frame.binary ? whole : whole.toString())
}

function trpcMessage(data: object, more: object = {}) {
  return { id: 7, ...more, result: { type: 'data', id: 'c:3', data: { json: { id: 'c:3', data } } } }
}

const cases: [string, object][] = [
  ['short text', sharedWireEvent(output('hello'), 'utf8')],
  ['long text', sharedWireEvent(output('ä"\n'.repeat(20_000)), 'utf8')],
  ['base64', sharedWireEvent(output('hello'), 'base64')],
  ['few bytes', sharedWireEvent(output('hello'), 'bytes')],
  ['many bytes', sharedWireEvent(output('x'.repeat(100_000)), 'bytes')],
]

describe('an encoded event', () => {
  test.each(cases)('is the same on the fast path and over tRPC when it is %s', (_, event) => {
    expect(decoded(eventFrame(7, 'c:3', event))).toEqual(trpcMessage(event))
    expect(decoded(socketEncoder.encode(trpcMessage(event)))).toEqual(trpcMessage(event))
  })

  test('keeps what tRPC adds to a message', () => {
    const message = trpcMessage(sharedWireEvent(output('hello'), 'utf8'), { jsonrpc: '2.0' })
    expect(decoded(socketEncoder.encode(message))).toEqual(message)
  })

  test('keeps the types that superjson adds', () => {
    const { id, result } = trpcMessage({ at: '2026-01-01T00:00:00.000Z' })
    const data = { ...result.data, meta: { values: { 'data.at': ['Date'] } } }
    const message = { id, result: { ...result, data } }
    expect(decoded(socketEncoder.encode(message))).toEqual(message)
  })

  test.each(['utf8', 'bytes'] as const)(
    'shares its long parts among all subscribers that read %s',
    (encoding) => {
      const event = output('x'.repeat(100_000))
      const [one, two, three] = [
        eventFrame(1, 'c:3', sharedWireEvent(event, encoding)),
        eventFrame('two', 'c:3', sharedWireEvent(event, encoding)),
        socketEncoder.encode(trpcMessage(sharedWireEvent(event, encoding))) as unknown,
      ]
      const long = [one, two, three].map((frame) => (frame instanceof Pieces ? frame.list[1] : undefined))
      expect(long[0]?.length).toBeGreaterThanOrEqual(100_000)
      expect(long[1]).toBe(long[0])
      expect(long[2]).toBe(long[0])
    },
  )
})
