import { describe, expect, test } from 'vitest'
import { Outbox } from '../../../src/agent/commands/outbox.js'
import { reportSchema } from '../../../src/shared/link/protocol.js'

const started = { execution_type: 'ssh', target: 'a', pid: 1 } as const

describe('a report that a command waits', () => {
  test('is sent to a controller that knows such reports', () => {
    const outbox = new Outbox()
    outbox.takes(['waiting'])
    outbox.open('c')
    outbox.waiting('c', 'Waiting for a shell.')
    const [report] = outbox.take(1_000_000)
    expect(report).toMatchObject({ n: 1, kind: 'waiting', reason: 'Waiting for a shell.' })
    expect(reportSchema.parse(report)).toEqual(report)
  })

  test('is not written when the controller does not know such reports', () => {
    const outbox = new Outbox()
    outbox.open('c')
    outbox.waiting('c', 'Waiting for a shell.')
    outbox.started('c', started)
    expect(outbox.take(1_000_000).map(({ n, kind }) => [n, kind])).toEqual([[1, 'started']])
  })

  test('keeps its number as output of 0 bytes when the next link leads to an older controller', () => {
    const outbox = new Outbox()
    outbox.takes(['waiting'])
    outbox.open('c')
    outbox.waiting('c', 'Waiting for a shell.')
    outbox.started('c', started)
    expect(outbox.take(1_000_000)).toHaveLength(2)
    outbox.takes([])
    outbox.rewind()
    const [first, second] = outbox.take(1_000_000)
    expect(first).toMatchObject({ n: 1, kind: 'output', stream: 'stderr', offset: 0 })
    expect(first?.kind === 'output' && first.data.length).toBe(0)
    expect(second).toMatchObject({ n: 2, kind: 'started' })
    expect(reportSchema.parse(first)).toEqual(first)
  })
})
