import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Load, type QueueState, ReportQueue } from '../../../src/agent/commands/report-queue.js'
import { MAX_CHUNK_BYTES, type Report } from '../../../src/shared/link/protocol.js'

const place = { execution_type: 'local', target: 'a' } as const
const result = {
  ...place,
  kind: 'result',
  status: 'error',
  exit_code: 3,
  signal: null,
  reason: null,
  duration_ms: 1,
  stdout_bytes: 1,
  stderr_bytes: 0,
  stdout_sha256: 'a',
  stderr_sha256: 'b',
} as const

const chunk = (offset: number, text: string) =>
  ({ stream: 'stdout', offset, data: Buffer.from(text) }) as const

/** What is written to a queue; each gives the number of its report, if that was taken. */
const writes = {
  started: (queue: ReportQueue) => queue.write((head) => ({ ...head, kind: 'started', ...place }))?.n,
  waiting: (queue: ReportQueue) => queue.write((head) => ({ ...head, kind: 'waiting', reason: 'why' }))?.n,
  output: (queue: ReportQueue, { data, ...rest } = chunk(0, 'x')) =>
    queue.write((head) => ({ ...head, kind: 'output', ...rest, data }), data)?.n,
  result: (queue: ReportQueue) => queue.write((head) => ({ ...head, ...result }))?.n,
  lost: (queue: ReportQueue) => queue.write((head) => ({ ...head, kind: 'lost', reason: 'why' }))?.n,
}
type Kind = keyof typeof writes

const newQueue = (stored = 0, load: Load = { bytes: 0, unsent: 0 }) => new ReportQueue('c', stored, load)

/** One whose controller has a start and some output, in the state. */
function queueIn(state: QueueState): ReportQueue {
  const queue = newQueue()
  writes.started(queue)
  writes.output(queue)
  while (queue.take()) queue.free(2)
  if (state === 'gapped') queue.setBack(0)
  if (state === 'ended') writes.result(queue)
  if (state === 'dropped') queue.drop()
  return queue
}

const all = (queue: ReportQueue): Report[] => {
  const reports: Report[] = []
  for (let taken = queue.take(); taken; taken = queue.take()) reports.push(taken.report)
  return reports
}
const shown = (reports: Report[]) => reports.map(({ n, kind }) => `${n} ${kind}`)
const bytesOf = (reports: Report[]) =>
  reports.map((report) => (report.kind === 'output' ? Buffer.from(report.data).toString() : ''))

describe('a queue of reports', () => {
  test.each<[QueueState, Kind, QueueState | 'refused']>([
    ['open', 'started', 'open'],
    ['open', 'waiting', 'open'],
    ['open', 'output', 'open'],
    ['open', 'result', 'ended'],
    ['open', 'lost', 'ended'],
    ['gapped', 'started', 'gapped'],
    ['gapped', 'waiting', 'gapped'],
    ['gapped', 'output', 'refused'],
    ['gapped', 'result', 'ended'],
    ['gapped', 'lost', 'ended'],
    ['ended', 'started', 'refused'],
    ['ended', 'waiting', 'refused'],
    ['ended', 'output', 'refused'],
    ['ended', 'result', 'refused'],
    ['ended', 'lost', 'refused'],
    ['dropped', 'started', 'refused'],
    ['dropped', 'waiting', 'refused'],
    ['dropped', 'output', 'refused'],
    ['dropped', 'result', 'refused'],
    ['dropped', 'lost', 'refused'],
  ])('that is %s, when a report of kind %s is written, is %s', (from, kind, to) => {
    const queue = queueIn(from)
    expect(queue.state).toBe(from)
    const before = all(queue).length
    const n = writes[kind](queue)
    expect(queue.state).toBe(to === 'refused' ? from : to)
    queue.rewind()
    expect([n === undefined, all(queue).length]).toEqual(
      to === 'refused' ? [true, before] : [false, before + 1],
    )
  })

  test.each<[QueueState, number, QueueState, string[]]>([
    ['open', 2, 'open', []],
    ['open', 1, 'gapped', []],
    ['open', 0, 'gapped', ['1 started']],
    ['gapped', 0, 'gapped', ['1 started']],
    ['ended', 1, 'ended', ['2 result']],
    ['ended', 0, 'ended', ['1 started', '2 result']],
    ['dropped', 0, 'dropped', []],
  ])('that is %s, when it is set back to report %i, is %s', (from, stored, to, reports) => {
    const queue = queueIn(from)
    if (from !== 'ended') all(queue)
    queue.setBack(stored)
    expect(queue.state).toBe(to)
    queue.rewind()
    expect(shown(all(queue))).toEqual(reports)
  })

  test('stays open when no output is lost by the set-back', () => {
    const queue = newQueue()
    writes.started(queue)
    all(queue)
    queue.free(1)
    queue.setBack(0)
    expect([queue.state, queue.gap]).toEqual(['open', undefined])
    expect(writes.output(queue)).toBe(2)
  })

  test('says in its result why output is missing when it is set back after its end', () => {
    const queue = queueIn('ended')
    queue.setBack(0)
    expect(all(queue).at(-1)).toMatchObject({ kind: 'result', reason: expect.stringContaining('set back') })
  })

  test.each<QueueState>(['open', 'gapped', 'ended', 'dropped'])(
    'that is %s holds nothing when it is dropped',
    (state) => {
      const load = { bytes: 0, unsent: 0 }
      const queue = newQueue(0, load)
      writes.output(queue)
      if (state === 'gapped') {
        all(queue)
        queue.free(1)
        queue.setBack(0)
        writes.waiting(queue)
      }
      if (state === 'ended') writes.result(queue)
      if (state === 'dropped') queue.drop()
      expect(queue.state).toBe(state)
      queue.drop()
      expect([queue.state, queue.isEmpty, queue.hasUnsent, queue.bytes, load]).toEqual([
        'dropped',
        true,
        false,
        0,
        { bytes: 0, unsent: 0 },
      ])
      expect(queue.take()).toBeUndefined()
    },
  )

  test('numbers its reports from the last stored one on', () => {
    const queue = newQueue(7)
    expect([writes.started(queue), writes.output(queue), writes.result(queue)]).toEqual([8, 9, 10])
    expect(shown(all(queue))).toEqual(['8 started', '9 output', '10 result'])
  })

  test('does not skip a number when a report is refused', () => {
    const queue = queueIn('gapped')
    all(queue)
    writes.output(queue)
    expect(writes.result(queue)).toBe(2)
  })
})

describe('the last report of a queue', () => {
  test('is extended by more output of its stream while it is unsent', () => {
    const queue = newQueue()
    writes.output(queue, chunk(0, 'a'))
    expect([queue.extend(chunk(1, 'b')), queue.extend(chunk(2, 'c'))]).toEqual([true, true])
    expect(bytesOf(all(queue))).toEqual(['abc'])
  })

  test('is extended without a copy when the output continues in the same buffer', () => {
    const buffer = Buffer.from('abcd')
    const queue = newQueue()
    writes.output(queue, { stream: 'stdout', offset: 0, data: buffer.subarray(0, 2) })
    queue.extend({ stream: 'stdout', offset: 2, data: buffer.subarray(2) })
    const [report] = all(queue)
    expect(report?.kind === 'output' && report.data.buffer === buffer.buffer).toBe(true)
    expect(bytesOf(report ? [report] : [])).toEqual(['abcd'])
  })

  test.each<[string, (queue: ReportQueue) => void, ReturnType<typeof chunk> | { stream: 'stderr' }]>([
    ['is sent', (queue) => void queue.take(), chunk(1, 'b')],
    ['is of the other stream', () => {}, { stream: 'stderr' }],
    ['ends before where the output goes on', () => {}, chunk(2, 'b')],
    ['is no output', (queue) => void writes.waiting(queue), chunk(1, 'b')],
    ['is the end', (queue) => void writes.result(queue), chunk(1, 'b')],
    ['was dropped', (queue) => queue.drop(), chunk(1, 'b')],
    ['would be longer than a chunk may be', () => {}, chunk(1, 'b'.repeat(MAX_CHUNK_BYTES))],
  ])('is not extended when it %s', (_when, prepare, more) => {
    const queue = newQueue()
    writes.output(queue, chunk(0, 'a'))
    prepare(queue)
    expect(queue.extend({ ...chunk(1, 'b'), ...more })).toBe(false)
  })

  test('is extended up to the size of a chunk', () => {
    const queue = newQueue()
    writes.output(queue, chunk(0, 'a'))
    expect(queue.extend(chunk(1, 'b'.repeat(MAX_CHUNK_BYTES - 1)))).toBe(true)
    expect(queue.extend(chunk(MAX_CHUNK_BYTES, 'c'))).toBe(false)
  })
})

describe('reports that a queue has handed out', () => {
  test('are handed out again on another link, from the first that is not stored', () => {
    const queue = newQueue()
    for (let time = 0; time < 3; time++) writes.waiting(queue)
    expect(shown(all(queue))).toEqual(['1 waiting', '2 waiting', '3 waiting'])
    expect([queue.hasUnsent, queue.isEmpty]).toEqual([false, false])
    queue.free(1)
    queue.rewind()
    expect(shown(all(queue))).toEqual(['2 waiting', '3 waiting'])
  })

  test('are freed once when they are stored, and never more than there are', () => {
    const load = { bytes: 0, unsent: 0 }
    const queue = newQueue(0, load)
    writes.waiting(queue)
    all(queue)
    for (const stored of [1, 1, 0, 5]) queue.free(stored)
    expect([queue.isEmpty, queue.bytes, load]).toEqual([true, 0, { bytes: 0, unsent: 0 }])
    expect(writes.result(queue)).toBe(2)
    expect(shown(all(queue))).toEqual(['2 result'])
  })

  test('are freed too when they were sent on an earlier link and are stored only now', () => {
    const load = { bytes: 0, unsent: 0 }
    const queue = newQueue(0, load)
    writes.waiting(queue)
    writes.waiting(queue)
    all(queue)
    queue.rewind()
    queue.free(1)
    expect(shown(all(queue))).toEqual(['2 waiting'])
    expect(load.unsent).toBe(0)
  })

  test('are counted correctly for any sequence of steps', () => {
    const text = fc.string({ minLength: 1, maxLength: 20 })
    const number = fc.integer({ min: 0, max: 12 })
    const step = fc.oneof(
      text.map((data) => ({ do: 'output' as const, data })),
      fc.constantFrom({ do: 'take' as const }, { do: 'rewind' as const }, { do: 'end' as const }),
      number.map((stored) => ({ do: 'free' as const, stored })),
      number.map((stored) => ({ do: 'set back' as const, stored })),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const load = { bytes: 0, unsent: 0 }
        const queue = newQueue(0, load)
        let offset = 0
        for (const one of steps) {
          if (one.do === 'output') {
            const more = chunk(offset, one.data)
            if (!queue.extend(more)) writes.output(queue, more)
            offset += more.data.length
          } else if (one.do === 'take') queue.take()
          else if (one.do === 'rewind') queue.rewind()
          else if (one.do === 'end') writes.result(queue)
          else if (one.do === 'free') queue.free(one.stored)
          else queue.setBack(one.stored)
          expect(load.bytes).toBe(queue.bytes)
          expect(load.unsent > 0).toBe(queue.hasUnsent)
        }
        all(queue)
        expect(load.unsent).toBe(0)
        queue.rewind()
        expect(load.unsent).toBe(load.bytes)
        queue.drop()
        expect(load).toEqual({ bytes: 0, unsent: 0 })
      }),
      { numRuns: 1000 },
    )
  })
})
