import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CommandExpiry } from '../../../../src/server/commands/dispatch/expiry.js'
import { type OpenCommand, OpenCommands } from '../../../../src/server/commands/dispatch/open-commands.js'
import { OgentError } from '../../../../src/shared/errors.js'
import { CommandParts, report, withTimers } from '../../../support/command-parts.js'

const GRACE_MS = 60_000

let parts: CommandParts
let open: OpenCommands
let expiry: CommandExpiry
/** Whether it is for this controller to give up commands whose agent is offline. */
let isOffline: (open: OpenCommand) => Promise<boolean>

beforeEach(() => {
  parts = new CommandParts({ graceMs: GRACE_MS })
  open = new OpenCommands()
  isOffline = async () => true
  expiry = newExpiry()
})

afterEach(async () => {
  expiry.close()
  open.clear()
  await parts[Symbol.asyncDispose]()
})

function newExpiry(): CommandExpiry {
  const { journal, reports, log, events, graceMs } = parts
  return new CommandExpiry({
    journal,
    reports,
    log,
    events,
    graceMs,
    open,
    isOffline: (one) => isOffline(one),
  })
}

/** An open command that is tracked. */
async function tracked(command_id = 'c'): Promise<OpenCommand> {
  const { state } = await parts.create(command_id)
  return open.add(state)
}

/** What becomes of a command that is tracked: it waits for a timer, has ended, or is no longer tracked and open. */
type State = 'tracked' | 'ended' | 'dropped'

async function stateOf({ command_id }: OpenCommand): Promise<State> {
  const ended = (await parts.state(command_id)).result_seq !== undefined
  if (open.get(command_id)) {
    expect(ended).toBe(false)
    return 'tracked'
  }
  return ended ? 'ended' : 'dropped'
}

/** The timers that are left when `act` has made some and so many ms have passed, which is not long enough for any store. */
function timersAfter(ms: number, act: () => void): number {
  let left = 0
  withTimers((pass) => {
    act()
    pass(ms)
    left = vi.getTimerCount()
  })
  return left
}

describe('a command whose order waits', () => {
  test('ends as never sent when its time is over, and not before', async () => {
    const one = await tracked()
    expect(timersAfter(4999, () => expiry.expireAfter(one, 5000))).toBe(1)
    expect(await stateOf(one)).toBe('tracked')
    expect(timersAfter(5000, () => expiry.expireAfter(one, 5000))).toBe(0)
    const { status, result } = await parts.ended('c')
    expect({ status, error: result.error }).toEqual({ status: 'error', error: { code: 'AGENT_OFFLINE' } })
    expect(result.reason).toBe('AGENT_OFFLINE: Agent a1 did not come in time; the command was not run.')
    expect(await stateOf(one)).toBe('ended')
  })

  test('ends at once when its time was over already', async () => {
    expiry.expireAfter(await tracked(), -1)
    expect((await parts.ended('c')).status).toBe('error')
  })

  test('waits for longer than a timer can', async () => {
    const one = await tracked()
    expect(timersAfter(2 ** 31 - 2, () => expiry.expireAfter(one, 2 ** 33))).toBe(1)
  })

  test('has one timer: the newest', async () => {
    const one = await tracked()
    const left = timersAfter(GRACE_MS, () => {
      expiry.loseAfter(one)
      expiry.expireAfter(one, GRACE_MS + 1)
    })
    expect([left, await stateOf(one)]).toEqual([1, 'tracked'])
  })
})

describe('a command whose agent is offline', () => {
  test('is lost after the grace, and not before', async () => {
    const one = await tracked()
    expect(timersAfter(GRACE_MS - 1, () => expiry.loseAfter(one))).toBe(1)
    expect(await stateOf(one)).toBe('tracked')
    expect(timersAfter(GRACE_MS, () => expiry.loseAfter(one))).toBe(0)
    const { status, result } = await parts.ended('c')
    expect([status, result.error]).toEqual(['lost', undefined])
    expect(result.reason).toBe(
      'The agent was offline for more than 60 s; how the command ended is not known.',
    )
  })

  test('is lost after what is left of the grace', async () => {
    const one = await tracked()
    expect(timersAfter(999, () => expiry.loseAfter(one, 1000))).toBe(1)
    expect(timersAfter(1000, () => expiry.loseAfter(one, 1000))).toBe(0)
    expect((await parts.ended('c')).status).toBe('lost')
  })

  test('is lost with all output that was stored', async () => {
    const one = await tracked()
    const link = await parts.connect()
    await parts.reports.accept(link, [report.started('c'), report.output('c', 2, 0, 'hello')])
    expiry.loseAfter(one, 0)
    const { result } = await parts.ended('c')
    expect([Buffer.from(result.stdout).toString(), result.stdout_bytes, result.target]).toEqual([
      'hello',
      5,
      'a1',
    ])
  })

  test('is not lost when the agent is back by then', async () => {
    const [one, other] = [await tracked('c'), await tracked('other')]
    isOffline = async ({ command_id }) => command_id === 'other'
    for (const each of [one, other]) expiry.loseAfter(each, 0)
    await parts.ended('other')
    expect([await stateOf(one), await parts.story('c')]).toEqual(['tracked', ['response']])
  })

  test('is not lost when the agent comes back while that is being written: it is judged anew', async () => {
    const one = await tracked()
    const verdicts: boolean[] = []
    isOffline = async () => {
      // Back between the look at the journal and the end of it; at the next look as well.
      if (verdicts.length === 0) await expiry.note('c', 'agent_back')
      verdicts.push(verdicts.length === 0)
      return verdicts.at(-1) === true
    }
    expiry.loseAfter(one, 0)
    await vi.waitUntil(() => verdicts.length === 2, { timeout: 60_000 })
    expect(verdicts).toEqual([true, false])
    await parts.seen('c', 'agent_back')
    expect([await stateOf(one), await parts.story('c')]).toEqual(['tracked', ['response', 'agent_back']])
  })

  test('is lost with what was stored while that was being written', async () => {
    const one = await tracked()
    const link = await parts.connect()
    let looks = 0
    isOffline = async () => {
      looks += 1
      if (looks === 1)
        await parts.reports.accept(link, [report.started('c'), report.output('c', 2, 0, 'late')])
      return true
    }
    expiry.loseAfter(one, 0)
    const { result } = await parts.ended('c')
    expect([looks, Buffer.from(result.stdout).toString()]).toEqual([2, 'late'])
    expect(await parts.story('c')).toEqual(['response', 'started', 'output', 'lost'])
  })
})

describe('an end', () => {
  test('is the first of two that are given at a time', async () => {
    const one = await tracked()
    await Promise.all([
      expiry.end(one, 'cancelled', 'Cancelled by olga.'),
      expiry.end(one, 'lost', 'It was lost.'),
      expiry.expire(one),
    ])
    expect(await parts.story('c')).toEqual(['response', 'cancelled'])
    expect(parts.ends).toEqual(['c cancelled'])
    expect(await stateOf(one)).toBe('ended')
  })

  test('does not follow one that the agent has reported, and is not published', async () => {
    const one = await tracked()
    const link = await parts.connect()
    await parts.reports.accept(link, [report.started('c'), report.result('c', 2)])
    await expiry.end(one, 'lost', 'It was lost.')
    expect(await parts.story('c')).toEqual(['response', 'started', 'success'])
    expect(parts.ends).toEqual(['c success'])
    expect(await stateOf(one)).toBe('ended')
  })

  test('that says lost is replaced by what the agent reports later, and no other is', async () => {
    for (const status of ['lost', 'cancelled'] as const)
      await expiry.end(await tracked(status), status, 'Why.')
    const link = await parts.connect()
    const told = ['lost', 'cancelled'].flatMap((id) => [report.started(id), report.result(id, 2)])
    await parts.reports.accept(link, told)
    expect(await parts.story('lost')).toEqual(['response', 'lost', 'started', 'success'])
    expect(await parts.story('cancelled')).toEqual(['response', 'cancelled'])
  })

  test('is written in the background, with the code of its error', async () => {
    expiry.endSoon(await tracked(), 'error', { code: 'AGENT_BUSY', sentence: 'It does not read.' })
    const { result } = await parts.ended('c')
    expect([result.error, result.reason]).toEqual([{ code: 'AGENT_BUSY' }, 'AGENT_BUSY: It does not read.'])
  })

  test('of a command that the store does not know ends nothing but the tracking', async () => {
    const { state } = await parts.create('c')
    const unknown = open.add({ ...state, record: { ...state.record, command_id: 'unknown' } })
    await expiry.end(unknown, 'lost', 'It was lost.')
    expect([open.get('unknown'), parts.ends]).toEqual([undefined, []])
  })
})

describe('a store that is away for a while', () => {
  test.each(['state', 'append'] as const)('is tried again when its %s fails', async (method) => {
    const one = await tracked()
    parts.fail(method, 2)
    expiry.loseAfter(one, 0)
    expect((await parts.ended('c')).status).toBe('lost')
    expect(parts.complaints).toEqual(Array(2).fill('an open command was not served'))
    expect(await stateOf(one)).toBe('ended')
  })

  test('is tried again when nothing can say whether the agent is offline', async () => {
    const one = await tracked()
    let asked = 0
    isOffline = async () => {
      asked += 1
      if (asked === 1) throw new OgentError('UNAVAILABLE', 'The store is away.')
      return true
    }
    expiry.loseAfter(one, 0)
    expect((await parts.ended('c')).status).toBe('lost')
    expect(asked).toBe(2)
  })

  test('is not tried again for a command that is no longer tracked', async () => {
    const [one, other] = [await tracked('c'), await tracked('other')]
    const asked: string[] = []
    isOffline = async ({ command_id }) => {
      asked.push(command_id)
      open.remove(one)
      // Each for the first time; what is tried again for one comes before what is for the other.
      if (asked.length <= 2) throw new OgentError('UNAVAILABLE', 'The store is away.')
      return true
    }
    for (const each of [one, other]) expiry.loseAfter(each, 0)
    await parts.ended('other')
    expect([asked, await stateOf(one)]).toEqual([['c', 'other', 'other'], 'dropped'])
  })

  test('has what is noted logged when it fails', async () => {
    await tracked()
    parts.fail('append', 1)
    expiry.noteSoon('c', 'agent_lost')
    await vi.waitUntil(() => parts.complaints.length > 0, { timeout: 60_000 })
    expect(await parts.story('c')).toEqual(['response'])
  })
})

describe('a note on the agent', () => {
  test('that it is lost is not written after the end', async () => {
    await expiry.end(await tracked(), 'lost', 'It was lost.')
    await expiry.note('c', 'agent_lost')
    expect(await parts.story('c')).toEqual(['response', 'lost'])
  })

  test('that it is back opens a command again that was given up', async () => {
    await expiry.end(await tracked(), 'lost', 'It was lost.')
    await expiry.note('c', 'agent_back')
    const { result_seq, record } = await parts.state('c')
    expect([result_seq, record.status]).toEqual([undefined, 'pending'])
  })
})

describe('an expiry that is closed', () => {
  test('tries nothing again and logs no failure', async () => {
    const [one, other] = [await tracked('c'), await tracked('other')]
    const asked: string[] = []
    isOffline = async ({ command_id }) => {
      asked.push(command_id)
      if (asked.length <= 2) throw new OgentError('UNAVAILABLE', 'The store is away.')
      return true
    }
    expiry.close()
    expiry.loseAfter(one, 0)
    const next = newExpiry()
    next.loseAfter(other, 0)
    await parts.ended('other')
    next.close()
    expect(asked).toEqual(['c', 'other', 'other'])
    // Of the one that is not closed.
    expect(parts.complaints).toEqual(['an open command was not served'])
    expect(await stateOf(one)).toBe('tracked')
  })
})
