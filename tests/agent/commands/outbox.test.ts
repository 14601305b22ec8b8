import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MESSAGE_BYTES, Outbox } from '../../../src/agent/commands/outbox.js'
import type { Report } from '../../../src/shared/link/protocol.js'

const started = { execution_type: 'local', target: 'a', pid: 1 } as const

function chunk(offset: number, text: string) {
  return { stream: 'stdout', offset, data: Buffer.from(text) } as const
}

function textOf(reports: Report[]): string {
  return reports
    .map((report) => (report.kind === 'output' ? Buffer.from(report.data).toString() : ''))
    .join('')
}

describe('the outbox', () => {
  test('collects unsent output in one report, and never changes a report that was sent', () => {
    const outbox = new Outbox()
    outbox.open('c')
    outbox.started('c', started)
    outbox.output('c', chunk(0, 'a'))
    outbox.output('c', chunk(1, 'b'))
    const first = outbox.take(1_000_000)
    expect(first.map(({ n, kind }) => [n, kind])).toEqual([
      [1, 'started'],
      [2, 'output'],
    ])
    outbox.output('c', chunk(2, 'c'))
    expect(textOf(first)).toBe('ab')
    expect(textOf(outbox.take(1_000_000))).toBe('c')
  })

  test('makes a command wait when its share is full, and lets it continue after a receipt', async () => {
    const outbox = new Outbox({ perCommand: 1000, total: 10_000 })
    outbox.open('c')
    outbox.open('other')
    outbox.output('c', chunk(0, 'x'.repeat(2000)))
    expect(outbox.hasRoom('c')).toBe(false)
    expect(outbox.hasRoom('other')).toBe(true)
    let went = false
    const waiting = outbox.room('c').then(() => {
      went = true
    })
    outbox.take(1_000_000)
    await Promise.resolve()
    expect(went).toBe(false)
    outbox.receipt([{ command_id: 'c', stored: 1 }])
    await waiting
    expect(outbox.bytes).toBe(0)
  })

  test('settles a command when its result is receipted or when the controller does not know it', () => {
    const outbox = new Outbox()
    const settled: string[] = []
    outbox.onSettled = (id) => settled.push(id)
    for (const id of ['a', 'b', 'c']) {
      outbox.open(id)
      outbox.output(id, chunk(0, 'x'))
      outbox.lost(id, 'why')
    }
    outbox.take(1_000_000)
    outbox.receipt([
      { command_id: 'a', stored: 2 },
      { command_id: 'b', stored: null },
      { command_id: 'c', stored: 1 },
    ])
    expect(settled).toEqual(['a', 'b'])
    expect(outbox.commands()).toEqual(['c'])
  })

  describe('of an agent whose controller was set back', () => {
    const exit = { ...started, exit_code: 3, signal: null, reason: null, duration_ms: 1 }
    const counts = { stdout_bytes: 2, stderr_bytes: 0, stdout_sha256: 'a', stderr_sha256: 'b' }
    const result = { ...exit, ...counts, status: 'error' } as const
    /** One that has told its start and a byte, is receipted up to there, and holds one more. */
    const told = () => {
      const outbox = new Outbox({ perCommand: 600, total: 10_000 })
      outbox.open('c')
      outbox.started('c', started)
      outbox.output('c', chunk(0, 'a'))
      outbox.take(1_000_000)
      outbox.receipt([{ command_id: 'c', stored: 2 }])
      outbox.output('c', chunk(1, 'b'))
      return outbox
    }

    test.each([0, 1])('to report %i sends no output behind the gap, but the end of the command', (stored) => {
      const outbox = told()
      outbox.confirm([{ command_id: 'c', stored }])
      outbox.output('c', chunk(2, 'c'))
      outbox.result('c', result)
      const reports = outbox.take(1_000_000)
      const expected =
        stored === 0
          ? [
              [1, 'started'],
              [2, 'result'],
            ]
          : [[2, 'result']]
      expect(reports.map(({ n, kind }) => [n, kind])).toEqual(expected)
      expect(reports.at(-1)).toMatchObject({
        exit_code: 3,
        stdout_bytes: 2,
        reason: expect.stringContaining('set back'),
      })
      outbox.receipt([{ command_id: 'c', stored: reports.at(-1)?.n ?? null }])
      expect(outbox.commands()).toEqual([])
      expect([outbox.bytes, outbox.unsent]).toEqual([0, 0])
    })

    test('sends the end that it holds once more after each set-back', () => {
      const outbox = told()
      outbox.result('c', { ...result, reason: 'as it was' })
      outbox.take(1_000_000)
      for (let time = 0; time < 2; time++) {
        outbox.confirm([{ command_id: 'c', stored: 0 }])
        const reports = outbox.take(1_000_000)
        expect(reports.map(({ n, kind }) => [n, kind])).toEqual([
          [1, 'started'],
          [2, 'result'],
        ])
        expect(reports.at(-1)).toMatchObject({ reason: 'as it was' })
        outbox.receipt([{ command_id: 'c', stored: 1 }])
      }
    })

    test('continues without a gap when no output was lost', () => {
      const outbox = new Outbox()
      outbox.open('c')
      outbox.started('c', started)
      outbox.take(1_000_000)
      outbox.receipt([{ command_id: 'c', stored: 1 }])
      outbox.confirm([{ command_id: 'c', stored: 0 }])
      outbox.output('c', chunk(0, 'a'))
      outbox.result('c', result)
      const reports = outbox.take(1_000_000)
      expect(reports.map(({ n, kind }) => [n, kind])).toEqual([
        [1, 'started'],
        [2, 'output'],
        [3, 'result'],
      ])
      expect(reports.at(-1)).toMatchObject({ reason: null })
    })

    test('lets a child continue that waited for room', async () => {
      const outbox = told()
      outbox.output('c', { stream: 'stderr', offset: 0, data: Buffer.alloc(1000) })
      expect(outbox.hasRoom('c')).toBe(false)
      const waiting = outbox.room('c')
      outbox.confirm([{ command_id: 'c', stored: 1 }])
      await waiting
    })
  })

  test('alternates between a command with much output and one with little', () => {
    const outbox = new Outbox()
    outbox.open('flood')
    for (let n = 0; n < 10; n++) outbox.output('flood', chunk(n * 60_000, 'x'.repeat(60_000)))
    outbox.open('whisper')
    outbox.output('whisper', chunk(0, 'hi'))
    expect(outbox.take(MESSAGE_BYTES).map(({ command_id }) => command_id)).toContain('whisper')
  })

  test('delivers every byte once and in order when messages and receipts are lost at random', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), text: fc.string({ minLength: 1, maxLength: 20 }) }),
      fc.record({ do: fc.constant('send' as const), arrives: fc.boolean(), receipted: fc.boolean() }),
      fc.record({ do: fc.constant('reconnect' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const outbox = new Outbox()
        outbox.open('c')
        let written = ''
        let stored = 0
        let received = ''
        const deliver = (reports: Report[]) => {
          for (const report of reports) {
            if (report.n !== stored + 1) continue
            stored = report.n
            if (report.kind === 'output') received += Buffer.from(report.data).toString('latin1')
          }
        }
        for (const one of steps) {
          if (one.do === 'write') {
            const data = Buffer.from(one.text, 'latin1')
            outbox.output('c', { stream: 'stdout', offset: written.length, data })
            written += data.toString('latin1')
          } else if (one.do === 'send') {
            const batch = outbox.take(300)
            if (one.arrives) deliver(batch)
            if (one.arrives && one.receipted) outbox.receipt([{ command_id: 'c', stored }])
          } else {
            outbox.receipt([{ command_id: 'c', stored }])
            outbox.rewind()
          }
        }
        outbox.receipt([{ command_id: 'c', stored }])
        outbox.rewind()
        for (let batch = outbox.take(300); batch.length > 0; batch = outbox.take(300)) deliver(batch)
        expect(received).toBe(written)
        outbox.receipt([{ command_id: 'c', stored }])
        expect([outbox.bytes, outbox.unsent]).toEqual([0, 0])
      }),
      { numRuns: 500 },
    )
  })
})
