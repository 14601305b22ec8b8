import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { boundedReason, boundedTime } from '../../../src/server/commands/intake/report-checks.js'
import { type CommandRecord, isEndedBefore } from '../../../src/shared/commands/record.js'
import { newCommand } from '../../suites/journal-suite.js'
import { callAs, onBothStores, type Site } from '../../support/both-stores.js'
import {
  type AnyReport,
  ended,
  output,
  RogueAgent,
  SHA256_OF_NOTHING,
  started,
  waiting,
} from '../../support/rogue-agent.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const HELLO = 'hello, world\n'
const MAX_OUTPUT_BYTES = 1000

onBothStores("an agent's report", (open) => {
  let site: Site
  let agent: RogueAgent
  beforeAll(async () => {
    site = await open({ MAX_OUTPUT_BYTES })
    agent = await RogueAgent.connect(site.urls[0], 'rogue')
  })
  afterAll(async () => {
    await agent[Symbol.asyncDispose]()
    await site[Symbol.asyncDispose]()
  })

  /** Starts a command by the second controller; gives its id once the agent has its order. */
  async function ordered(body: object = {}): Promise<string> {
    const headers = { prefer: 'respond-async' }
    const reply = await callAs(site.urls[1], 'operator', '/agents/rogue/execute', {
      body: { command: 'true', ...body },
      headers,
    })
    expect(reply.status).toBe(202)
    return (await agent.order()).command_id
  }

  /** The end of a command: waits for it. */
  async function endOf(command_id: string) {
    const { text } = await callAs(site.urls[1], 'viewer', `/commands/${command_id}/events`)
    const lines = text.split('\n').filter((line) => line.startsWith('data: '))
    const last = JSON.parse(lines.at(-1)?.slice('data: '.length) ?? '{}')
    expect(last.type).toBe('command_result')
    return last
  }

  async function endWith(...reports: ((command_id: string) => AnyReport)[]) {
    const command_id = await ordered()
    const receipts = await agent.report(...reports.map((make) => make(command_id)))
    return { command_id, receipts, end: await endOf(command_id) }
  }

  test('is stored when it is consistent', async () => {
    const { end, receipts } = await endWith(
      (id) => started(id),
      (id) => output(id, 2, 0, 'hello, '),
      (id) => output(id, 3, 7, 'world\n'),
      (id) => ended(id, 4, HELLO),
    )
    expect(receipts).toMatchObject([{ stored: 4 }])
    expect(end).toMatchObject({ status: 'success', result: { stdout: HELLO, stdout_truncated: false } })
  })

  test.each<[string, (id: string) => AnyReport[], RegExp]>([
    [
      'success with exit code 77',
      (id) => [ended(id, 3, HELLO, { exit_code: 77 })],
      /success does not go with exit code 77/,
    ],
    ['success without an exit code', (id) => [ended(id, 3, HELLO, { exit_code: null })], /no exit code/],
    ['success by a signal', (id) => [ended(id, 3, HELLO, { exit_code: null, signal: 'SIGKILL' })], /SIGKILL/],
    [
      'an exit code and a signal',
      (id) => [ended(id, 3, HELLO, { status: 'error', exit_code: 1, signal: 'SIGHUP' })],
      /exclude each other/,
    ],
    [
      'an error with exit code 0',
      (id) => [ended(id, 3, HELLO, { status: 'error' })],
      /error does not go with exit code 0/,
    ],
    [
      'a refusal after it has run',
      (id) => [ended(id, 3, HELLO, { status: 'refused', exit_code: null })],
      /refused after it had run/,
    ],
    ['a SHA-256 that is none', (id) => [ended(id, 3, HELLO, { stdout_sha256: 'lie' })], /no SHA-256/],
    [
      'the SHA-256 of something else',
      (id) => [ended(id, 3, HELLO, { stdout_sha256: SHA256_OF_NOTHING })],
      /SHA-256 of stdout is another/,
    ],
    [
      'another SHA-256 of a silent stream',
      (id) => [ended(id, 3, HELLO, { stderr_sha256: 'a'.repeat(64) })],
      /SHA-256 of stderr is another/,
    ],
    [
      'fewer bytes than it has sent',
      (id) => [ended(id, 3, HELLO, { stdout_bytes: 1 })],
      /1 bytes of stdout were told, and 13/,
    ],
    [
      'a chunk from far behind',
      (id) => [output(id, 3, 999_999_999, 'x'), ended(id, 4, HELLO)],
      /begins at byte 999999999, and 13/,
    ],
    [
      'a chunk that it has sent before',
      (id) => [output(id, 3, 0, HELLO), ended(id, 4, HELLO)],
      /begins at byte 0, and 13/,
    ],
    ['an empty chunk', (id) => [output(id, 3, 13, ''), ended(id, 4, HELLO)], /empty/],
    [
      'what it waits for after it has started',
      (id) => [waiting(id, 3), ended(id, 4, HELLO)],
      /waits for its start after it had started/,
    ],
    ['a second start', (id) => [started(id, 3), ended(id, 4, HELLO)], /second time/],
    [
      'more output than it may send',
      (id) => [output(id, 3, 13, 'x'.repeat(988)), ended(id, 4, HELLO)],
      /more than 1000 bytes/,
    ],
  ])('ends the command as lost when it contains %s', async (_what, make, why) => {
    const { command_id, receipts, end } = await endWith(
      (id) => started(id),
      (id) => output(id, 2, 0, HELLO),
      ...make('').map((_, at) => (id: string) => make(id)[at] as AnyReport),
    )
    // Drop what is left of it.
    expect(receipts).toEqual([{ command_id, stored: null }])
    expect(await agent.next('cancel_command_event')).toMatchObject({ command_id })
    expect(end).toMatchObject({
      status: 'lost',
      result: {
        exit_code: null,
        stdout: HELLO,
        stdout_bytes: 13,
        stdout_sha256: createHash('sha256').update(HELLO).digest('hex'),
        reason: expect.stringMatching(/^The agent's report does not fit what it sent before: /),
      },
    })
    expect(end.result.reason).toMatch(why)
    // Nor can it be mended by another one.
    const later = await agent.report(ended(command_id, 4, HELLO), output(command_id, 5, 13, 'more'))
    expect(later).toEqual([{ command_id, stored: null }])
    const { body } = await callAs(site.urls[1], 'viewer', `/commands/${command_id}`)
    expect(body).toMatchObject({ status: 'lost', result: { stdout: HELLO } })
  })

  test('ends the command as lost when it ran on another target than requested', async () => {
    const command_id = await ordered({ execution_target: 'local' })
    await agent.report(started(command_id, 1, { execution_type: 'ssh' }))
    expect(await endOf(command_id)).toMatchObject({
      status: 'lost',
      result: { reason: expect.stringContaining('it ran by ssh, and local was asked for') },
    })
    await agent.next('cancel_command_event')
  })

  test('may say a few times what a command waits for', async () => {
    const { end, receipts } = await endWith(
      ...Array.from({ length: 16 }, (_, at) => (id: string) => waiting(id, at + 1)),
      (id) => started(id, 17),
      (id) => output(id, 18, 0, HELLO),
      (id) => ended(id, 19, HELLO),
    )
    expect(receipts).toMatchObject([{ stored: 19 }])
    expect(end).toMatchObject({ status: 'success', result: { stdout: HELLO } })
  })

  test.each([
    ['in one batch', false],
    ['at a controller that has not seen the first ones', true],
  ])('ends the command as lost when it says without end what that waits for, %s', async (_how, moves) => {
    const command_id = await ordered()
    const told = Array.from({ length: 100 }, (_, at) => waiting(command_id, at + 1))
    if (moves) {
      expect(await agent.report(...told.splice(0, 16))).toEqual([{ command_id, stored: 16 }])
      await agent[Symbol.asyncDispose]()
      // At the other controller, where there is one.
      agent = await RogueAgent.connect(site.urls[1], 'rogue', { commands: [command_id] })
    }
    expect(await agent.report(...told)).toEqual([{ command_id, stored: null }])
    expect(await agent.next('cancel_command_event')).toMatchObject({ command_id })
    expect(await endOf(command_id)).toMatchObject({
      status: 'lost',
      result: { reason: expect.stringContaining('more than 16 times') },
    })
    const { text } = await callAs(site.urls[1], 'viewer', `/commands/${command_id}/events`)
    expect(text.match(/"state":"waiting"/g)).toHaveLength(16)
    if (!moves) return
    await agent[Symbol.asyncDispose]()
    agent = await RogueAgent.connect(site.urls[0], 'rogue')
  })

  test('may count output past the limit that was not sent, which is then truncated', async () => {
    const { end } = await endWith(
      (id) => started(id),
      (id) => output(id, 2, 0, 'x'.repeat(1000)),
      (id) => ended(id, 3, 'x'.repeat(5000)),
    )
    expect(end).toMatchObject({ status: 'success', result: { stdout_bytes: 5000, stdout_truncated: true } })
  })

  test('is counted once when it comes twice', async () => {
    const command_id = await ordered()
    const first = [started(command_id), output(command_id, 2, 0, HELLO)]
    await agent.report(...first)
    await agent.report(...first, output(command_id, 3, 13, HELLO))
    await agent.report(output(command_id, 3, 13, HELLO), ended(command_id, 4, HELLO + HELLO))
    expect(await endOf(command_id)).toMatchObject({ status: 'success', result: { stdout: HELLO + HELLO } })
  })

  test('is checked too by a controller that has not received its beginning', async () => {
    for (const [text, status] of [
      [`${HELLO}more`, 'success'],
      [`${HELLO}less`, 'lost'],
    ] as const) {
      const command_id = await ordered()
      await agent.report(started(command_id), output(command_id, 2, 0, HELLO))
      await agent[Symbol.asyncDispose]()
      // At the other controller, where there is one.
      agent = await RogueAgent.connect(site.urls[1], 'rogue', { commands: [command_id] })
      await agent.report(output(command_id, 3, 13, 'more'), ended(command_id, 4, text))
      expect(await endOf(command_id)).toMatchObject({ status, result: { stdout: `${HELLO}more` } })
      if (status === 'lost') await agent.next('cancel_command_event')
      await agent[Symbol.asyncDispose]()
      agent = await RogueAgent.connect(site.urls[0], 'rogue')
    }
  })

  test('has its time limited to the span between the creation and now', async () => {
    const before = new Date().toISOString()
    const times = ['not a date', 'zzzz', '2999-01-01T00:00:00.000Z', '1970-01-01T00:00:00.000Z']
    for (const timestamp of times) {
      const { command_id, end } = await endWith(
        (id) => started(id, 1, { timestamp }),
        (id) => ({ ...output(id, 2, 0, HELLO), timestamp }),
        (id) => ended(id, 3, HELLO, { timestamp }),
      )
      const { body } = await callAs(site.urls[1], 'viewer', `/commands/${command_id}`)
      const told = [end.timestamp, end.result.timestamp, body.started_at, body.ended_at].map(String)
      for (const time of told) {
        expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        expect(time >= before && time <= new Date().toISOString(), `${time} for ${timestamp}`).toBe(true)
      }
    }
  })

  test('is refused as a whole when one of its texts is too long; a long reason is cut', async () => {
    const command_id = await ordered()
    const long = 'x'.repeat(70_000)
    for (const wrong of [
      started(command_id, 1, { target: long }),
      started(command_id, 1, { pid: -1 }),
      started(command_id, 1, { timestamp: long }),
      ended(command_id, 1, '', { target: long }),
      ended(command_id, 1, '', { reason: long }),
      ended(command_id, 1, '', { signal: long }),
      ended(command_id, 1, '', { stdout_sha256: long }),
      ended(command_id, 1, '', { stderr_sha256: long }),
      ended(command_id, 1, '', { duration_ms: 1e300 }),
      { command_id, n: 1, kind: 'lost', reason: long } as AnyReport,
    ]) {
      await expect(agent.report(wrong), JSON.stringify(wrong).slice(0, 80)).rejects.toMatchObject({
        shape: { data: { ogent: { code: 'VALIDATION_FAILED' } } },
      })
    }
    await agent.report(
      ended(command_id, 1, '', { status: 'error', exit_code: 1, reason: 'y'.repeat(60_000) }),
    )
    const { result } = await endOf(command_id)
    expect(result.reason).toHaveLength(4096)
  })
})

test('a reason is cut between two characters', () => {
  expect(boundedReason(`${'x'.repeat(4094)}💥💥`)).toBe(`${'x'.repeat(4094)}…`)
  expect(boundedReason('short')).toBe('short')
})

test('a time with another offset is stored in UTC', () => {
  const now = new Date('2026-01-01T12:00:00.000Z')
  const created = now.getTime() - 60_000
  expect(boundedTime('2026-01-01T13:59:30+02:00', created, now)).toBe('2026-01-01T11:59:30.000Z')
  expect(boundedTime('2026-01-01T11:59:30.123Z', created, now)).toBe('2026-01-01T11:59:30.123Z')
})

test('an end that an earlier version stored without a valid time counts as long ago', () => {
  const record: CommandRecord = { ...newCommand('c1').record, status: 'success', ended_at: 'zzzz' }
  expect(isEndedBefore(record, '2026-01-01T00:00:00.000Z')).toBe(true)
  expect(isEndedBefore({ ...record, status: 'running' }, '2026-01-01T00:00:00.000Z')).toBe(false)
})
