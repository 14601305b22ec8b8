import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { InputCall } from '../../../../src/server/commands/input/call.js'
import { WaitingCalls } from '../../../../src/server/commands/input/waiting-calls.js'
import type { CommandState } from '../../../../src/server/journal/port.js'
import { newState } from '../../../../src/server/journal/state.js'
import { OgentError } from '../../../../src/shared/errors.js'
import type { InputAnswer, InputOrder } from '../../../../src/shared/link/protocol.js'
import { newCommand } from '../../../suites/journal-suite.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

type Options = { data?: string; offset?: number; end?: boolean; account?: string; command_id?: string }

/** A call, with what it sends and how it ends; `now` is the command as its journal has it. */
class Case {
  readonly sent: string[] = []
  readonly call: InputCall
  /** The agent has reported on the command. */
  now: CommandState | undefined
  end: unknown

  constructor({ data = 'hello', offset = 0, end = false, account = 'olga', command_id = 'c' }: Options = {}) {
    this.now = { ...newState(newCommand(command_id)), last_report: 1 }
    this.call = new InputCall({
      piece: { command_id, offset, data: Buffer.from(data), end },
      agent_id: 'a1',
      account,
      state: this.now,
      send: (order) => void this.sent.push(shown(order)),
      look: async () => this.now,
    })
  }

  begin(): this {
    this.call.begin().then(
      (reply) => {
        this.end = `${reply.state} ${reply.taken}`
      },
      (error) => {
        this.end = error.code
      },
    )
    return this
  }

  answered(state: InputAnswer['state'], taken: number): void {
    this.call.answered({ command_id: 'c', state, taken })
  }

  /** Lets time pass, and what follows from it happen. */
  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms)
  }
}

function shown({ offset, data, end }: InputOrder): string {
  return `${offset} ${Buffer.from(data)}${end ? ' end' : ''}`
}

const settled = () => vi.advanceTimersByTimeAsync(0)

describe('a call that writes input', () => {
  test.each<[when: string, options: Options, answer: [InputAnswer['state'], number], end: string]>([
    ['its piece was taken', {}, ['open', 5], 'open 5'],
    ['more than its piece was taken', {}, ['open', 9], 'open 9'],
    ['its piece was taken and nothing more fits', {}, ['full', 5], 'full 5'],
    ['its end was taken', { end: true }, ['ended', 5], 'ended 5'],
    ['the end was taken before', {}, ['ended', 3], 'ended 3'],
    ['the command reads no more', {}, ['closed', 2], 'closed 2'],
    ['there is a gap before its piece', { offset: 10 }, ['open', 4], 'open 4'],
    ['it only asks', { data: '' }, ['open', 0], 'open 0'],
  ])('ends when %s', async (_when, options, [state, taken], end) => {
    const one = new Case(options).begin()
    expect(one.sent).toHaveLength(1)
    one.answered(state, taken)
    await settled()
    expect(one.end).toBe(end)
    // Nothing is left that would send it again.
    expect(vi.getTimerCount()).toBe(0)
  })

  test('sends its piece again after 1, 2 and 4 s without an answer, and ends with AGENT_OFFLINE after 15', async () => {
    const one = new Case({ end: true }).begin()
    const counts: number[] = []
    for (const ms of [999, 1, 1999, 1, 3999, 1, 7999]) {
      await one.pass(ms)
      counts.push(one.sent.length)
    }
    expect(counts).toEqual([1, 2, 2, 3, 3, 4, 4])
    expect(new Set(one.sent)).toEqual(new Set(['0 hello end']))
    await one.pass(1)
    expect(one.end).toBe('AGENT_OFFLINE')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('asks without its data while the agent is full, and sends the rest when there is room', async () => {
    const one = new Case({ end: true }).begin()
    one.answered('full', 2)
    await one.pass(3000)
    expect(one.sent).toEqual(['0 hello end', '2 ', '2 '])
    one.answered('open', 2)
    expect(one.sent.at(-1)).toBe('2 llo end')
    one.answered('ended', 5)
    await settled()
    expect(one.end).toBe('ended 5')
  })

  test('ends as full after 15 s with what was taken', async () => {
    const one = new Case().begin()
    one.answered('full', 2)
    await one.pass(15_000)
    expect(one.end).toBe('full 2')
  })

  test('is not misled by an answer that was overtaken, nor by one to an order before its end', async () => {
    const one = new Case({ end: true, offset: 3 }).begin()
    one.answered('open', 8)
    one.answered('open', 3)
    await settled()
    expect([one.end, one.sent.length]).toEqual([undefined, 1])
    await one.pass(1000)
    expect(one.sent.at(-1)).toBe('8  end')
    one.answered('ended', 8)
    await settled()
    expect(one.end).toBe('ended 8')
  })

  test('sends again when it is to look, and ends where the command has ended', async () => {
    const one = new Case().begin()
    await one.call.look()
    expect(one.sent).toHaveLength(2)
    one.now = one.now && { ...one.now, result_seq: 3 }
    await one.call.look()
    await settled()
    expect([one.end, one.sent.length]).toEqual(['COMMAND_ENDED', 2])
  })

  test('says how much was taken of a command that ends meanwhile', async () => {
    const one = new Case().begin()
    one.answered('full', 2)
    one.now = undefined
    await one.call.look()
    await settled()
    expect(one.end).toBe('closed 2')
  })

  test('sends again while the store is away', async () => {
    const one = new Case()
    const away = new InputCall({
      piece: { command_id: 'c', offset: 0, data: Buffer.from('x'), end: false },
      agent_id: 'a1',
      account: 'olga',
      state: one.now ?? newState(newCommand('c')),
      send: (order) => void one.sent.push(shown(order)),
      look: () => Promise.reject(new OgentError('UNAVAILABLE', 'away')),
    })
    void away.begin()
    await one.pass(1000)
    expect(one.sent).toEqual(['0 x', '0 x'])
    away.fail(new OgentError('CLOSED', 'over'))
  })

  test('waits on when an agent that has not reported on the command knows nothing of it', async () => {
    const early = new InputCall({
      piece: { command_id: 'c', offset: 0, data: Buffer.from('x'), end: false },
      agent_id: 'a1',
      account: 'olga',
      state: newState(newCommand('c')),
      send() {},
      look: async () => newState(newCommand('c')),
    })
    const reply = early.begin()
    early.answered({ command_id: 'c', state: 'closed', taken: 0 })
    await settled()
    early.answered({ command_id: 'c', state: 'open', taken: 1 })
    expect(await reply).toEqual({ command_id: 'c', state: 'open', taken: 1 })
  })
})

describe('the calls that wait', () => {
  const KIB = 1024
  const large = 'x'.repeat(60 * KIB)
  const add = (calls: WaitingCalls, one: Case) => {
    calls.add(one.call)
    return one.begin()
  }

  test('are one a command: a newer one takes the place of the one before', async () => {
    const calls = new WaitingCalls()
    const [first, second, third] = [new Case(), new Case(), new Case()]
    add(calls, first)
    add(calls, second)
    second.answered('full', 2)
    add(calls, third)
    await settled()
    expect([first.end, second.end, third.end]).toEqual(['RATE_LIMITED', 'full 2', undefined])
    calls.remove(first.call)
    expect(calls.all).toEqual([third.call])
    third.call.fail(new OgentError('CLOSED', 'over'))
  })

  test('have a bound for an account, and those that wait for a program make room first', async () => {
    const calls = new WaitingCalls({ maxBytesPerAccount: 150 * KIB })
    const [one, two, three] = ['c1', 'c2', 'c3'].map((command_id) => new Case({ data: large, command_id }))
    const other = new Case({ data: large, command_id: 'c4', account: 'ann' })
    if (!one || !two || !three) throw new Error('There are three.')
    add(calls, one)
    add(calls, two)
    add(calls, other)
    expect(() => calls.add(three.call)).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }))
    two.answered('full', 7)
    other.answered('full', 7)
    add(calls, three)
    await settled()
    expect([one.end, two.end, three.end, other.end]).toEqual([undefined, 'full 7', undefined, undefined])
    for (const { call } of [one, three, other]) call.fail(new OgentError('CLOSED', 'over'))
  })

  test('have a bound for all, which is free again when they are removed', () => {
    const calls = new WaitingCalls({ maxBytes: 100 * KIB })
    const [one, two] = [
      new Case({ data: large, command_id: 'c1', account: 'ann' }),
      new Case({ data: large, command_id: 'c2', account: 'bob' }),
    ]
    calls.add(one.call)
    expect(() => calls.add(two.call)).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }))
    calls.remove(one.call)
    calls.remove(one.call)
    calls.add(two.call)
    expect(calls.all).toEqual([two.call])
  })
})
