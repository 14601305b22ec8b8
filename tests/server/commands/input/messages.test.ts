import { describe, expect, test } from 'vitest'
import {
  encodeMessage,
  type InputMessage,
  parseMessage,
} from '../../../../src/server/commands/input/messages.js'
import { frameEncoder } from '../../../../src/shared/wire/frame-codec.js'

const order = (data: Uint8Array): InputMessage => ({
  kind: 'order',
  order: { type: 'stdin_command_event', command_id: 'c', offset: 3, data, end: true },
})

describe('a message about input', () => {
  test.each<[what: string, message: InputMessage]>([
    ['an order', order(Buffer.from([0, 255, 10]))],
    ['an order without data', order(new Uint8Array())],
    ['an answer', { kind: 'answer', agent_id: 'a', answer: { command_id: 'c', taken: 7, state: 'full' } }],
    ['a request to look', { kind: 'look' }],
  ])('is read as it was sent: %s', (_what, message) => {
    const read = parseMessage(encodeMessage(message))
    expect(read).toMatchObject(message.kind === 'order' ? { kind: 'order' } : message)
    if (read?.kind !== 'order' || message.kind !== 'order') return
    expect(Buffer.from(read.order.data)).toEqual(Buffer.from(message.order.data))
    expect(read.order).toMatchObject({ command_id: 'c', offset: 3, end: true })
  })

  const asBytes = (value: object) => {
    const frame = frameEncoder.encode(value)
    return typeof frame === 'string' ? Buffer.from(frame) : frame
  }
  test.each([
    ['nothing', new Uint8Array()],
    ['no frame', Buffer.from([1, 2, 3])],
    ['bytes at random', Buffer.from('5a17c0ffee00000000000000', 'hex')],
    ['text that is not JSON', Buffer.from('{broken')],
    ['another version', asBytes({ version: 2, kind: 'look' })],
    ['another kind', asBytes({ version: 1, kind: 'listen' })],
    [
      'an order without its data',
      asBytes({ version: 1, kind: 'order', order: { command_id: 'c', offset: 1 } }),
    ],
    ['an order with too much data', encodeMessage(order(new Uint8Array(256 * 1024 + 1)))],
    [
      'an answer with a state that there is not',
      asBytes({
        version: 1,
        kind: 'answer',
        agent_id: 'a',
        answer: { command_id: 'c', taken: 1, state: 'x' },
      }),
    ],
  ])('is not read when it is %s', (_what, bytes) => {
    expect(parseMessage(bytes)).toBeUndefined()
  })
})
