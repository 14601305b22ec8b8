import { cpSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AgentLink } from '../../../../src/server/agents/connection.js'
import { Reports } from '../../../../src/server/commands/intake/reports.js'
import { LmdbJournal } from '../../../../src/server/journal/lmdb/journal.lmdb.js'
import { LmdbFolder } from '../../../../src/server/storage/folder.lmdb.js'
import type { Receipt, Report } from '../../../../src/shared/link/protocol.js'
import { CommandParts, LinkReader, report } from '../../../support/command-parts.js'
import { temporaryFolder } from '../../../support/folder.js'
import { silent } from '../../../support/system.js'

const { started, waiting, output, result, lost } = report

let parts: CommandParts
let link: AgentLink
beforeEach(async () => {
  parts = new CommandParts()
  link = await parts.connect()
  await parts.create('c')
})
afterEach(() => parts[Symbol.asyncDispose]())

/** What the agent is answered: what is stored of the one command that these are of. */
async function accept(...reports: Report[]): Promise<Receipt['stored']> {
  const receipts = await parts.reports.accept(link, reports)
  expect(receipts.map(({ command_id }) => command_id)).toEqual(['c'])
  return receipts[0]?.stored ?? null
}

/**
 * Where a command is for its agent's reports. `given up`: the controller has said that it is lost, which a report may still
 * replace; `lost`: the agent has said so, or was not believed, which nothing replaces.
 */
type State = 'pending' | 'running' | 'ended' | 'given up' | 'lost'

async function stateOf(command_id: string): Promise<State> {
  const { result_seq, final, record } = await parts.state(command_id)
  if (result_seq === undefined) return record.status === 'running' ? 'running' : 'pending'
  if (record.status !== 'lost') return 'ended'
  return final ? 'lost' : 'given up'
}

async function giveUp(): Promise<void> {
  const state = await parts.state('c')
  const stored = await parts.reports.storedResult(state, 'The agent was away.')
  const { timestamp } = stored
  const base = { type: 'command_result', command_id: 'c', agent_id: 'a1', command: 'true' } as const
  await parts.journal.append('c', [{ event: { ...base, status: 'lost', result: stored, timestamp } }])
  parts.reports.forget('c')
}

const ways: Record<State, () => Promise<unknown>> = {
  pending: async () => {},
  running: () => accept(started('c')),
  ended: () => accept(started('c'), result('c', 2)),
  'given up': async () => {
    await accept(started('c'))
    await giveUp()
  },
  lost: () => accept(started('c'), lost('c', 2)),
}

/** What comes next, by the number that it has. */
const next = {
  waiting: (n: number) => waiting('c', n),
  started: (n: number) => started('c', n),
  output: (n: number) => output('c', n, 0, 'x'),
  result: (n: number) => result('c', n),
  lost: (n: number) => lost('c', n),
}

describe('a command', () => {
  test.each<[from: State, kind: keyof typeof next, to: State, answer: 'stored' | 'drop it']>([
    ['pending', 'waiting', 'pending', 'stored'],
    ['pending', 'started', 'running', 'stored'],
    ['pending', 'output', 'pending', 'stored'],
    ['pending', 'result', 'ended', 'stored'],
    ['pending', 'lost', 'lost', 'stored'],
    ['running', 'waiting', 'lost', 'drop it'],
    ['running', 'started', 'lost', 'drop it'],
    ['running', 'output', 'running', 'stored'],
    ['running', 'result', 'ended', 'stored'],
    ['running', 'lost', 'lost', 'stored'],
    ['ended', 'waiting', 'ended', 'drop it'],
    ['ended', 'started', 'ended', 'drop it'],
    ['ended', 'output', 'ended', 'drop it'],
    ['ended', 'result', 'ended', 'drop it'],
    ['ended', 'lost', 'ended', 'drop it'],
    ['given up', 'waiting', 'lost', 'drop it'],
    ['given up', 'started', 'lost', 'drop it'],
    ['given up', 'output', 'given up', 'stored'],
    ['given up', 'result', 'ended', 'stored'],
    ['given up', 'lost', 'lost', 'stored'],
    ['lost', 'waiting', 'lost', 'drop it'],
    ['lost', 'started', 'lost', 'drop it'],
    ['lost', 'output', 'lost', 'drop it'],
    ['lost', 'result', 'lost', 'drop it'],
    ['lost', 'lost', 'lost', 'drop it'],
  ])(
    'that is %s, after a report of %s, is %s, and the agent is answered: %s',
    async (from, kind, to, answer) => {
      await ways[from]()
      expect(await stateOf('c')).toBe(from)
      const { last_report, last_seq } = await parts.state('c')
      const stored = await accept(next[kind](last_report + 1))
      expect([await stateOf('c'), stored]).toEqual([to, answer === 'stored' ? last_report + 1 : null])
      // A report that is not stored leaves no trace but an end.
      const placed = (await parts.state('c')).last_seq - last_seq
      expect(placed).toBe(answer === 'stored' || from !== to ? 1 : 0)
    },
  )
})

describe('reports', () => {
  test('are placed in their order when they come in it, each in a message of its own or all in one', async () => {
    expect(await accept(started('c'), output('c', 2, 0, 'one'))).toBe(2)
    expect(await accept(output('c', 3, 3, 'two'))).toBe(3)
    expect(await accept(result('c', 4, 'onetwo'))).toBe(4)
    expect(await parts.story('c')).toEqual(['response', 'started', 'output', 'output', 'success'])
    expect(Buffer.from((await parts.ended('c')).result.stdout).toString()).toBe('onetwo')
  })

  test('are placed in their order when many messages are under way at a time', async () => {
    const told = [started('c'), ...Array.from({ length: 30 }, (_, at) => output('c', at + 2, at, 'x'))]
    told.push(result('c', 32, 'x'.repeat(30)))
    expect(await Promise.all(told.map((one) => accept(one)))).toEqual(told.map(({ n }) => n))
    expect((await parts.ended('c')).status).toBe('success')
  })

  test('are placed up to the first that is out of order, and what comes after it is asked for again', async () => {
    expect(await accept(output('c', 2, 0, 'one'), started('c'))).toBe(1)
    expect(await accept(output('c', 2, 0, 'one'), output('c', 4, 6, 'three'))).toBe(2)
    expect(await parts.story('c')).toEqual(['response', 'started', 'output'])
  })

  test('reject with CONNECTION_LOST when others are missing before all of them', async () => {
    await accept(started('c'))
    await expect(accept(output('c', 3, 0, 'x'))).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: 'Say hello again: reports 2 to 2 of command c are not stored.',
    })
    expect(await parts.story('c')).toEqual(['response', 'started'])
    expect(await accept(output('c', 2, 0, 'x'), output('c', 3, 1, 'y'))).toBe(3)
  })

  test('that come twice are placed once, in one message as in two', async () => {
    expect(await accept(started('c'), started('c'), output('c', 2, 0, 'x'), output('c', 2, 0, 'x'))).toBe(2)
    expect(await accept(started('c'), output('c', 2, 0, 'x'))).toBe(2)
    expect(await accept(output('c', 2, 0, 'x'), result('c', 3, 'x'))).toBe(3)
    expect(await parts.story('c')).toEqual(['response', 'started', 'output', 'success'])
  })

  test('that come twice at the same moment are placed once', async () => {
    const told = [started('c'), output('c', 2, 0, 'x')]
    expect(await Promise.all([accept(...told), accept(...told)])).toEqual([2, 2])
    expect(await accept(result('c', 3, 'x'))).toBe(3)
    expect(await parts.story('c')).toEqual(['response', 'started', 'output', 'success'])
  })

  test('of several commands in one message are placed each by itself', async () => {
    await parts.create('other')
    const told = [started('c'), started('other'), output('other', 2, 0, 'x'), output('c', 2, 0, 'y')]
    expect(await parts.reports.accept(link, told)).toEqual([
      { command_id: 'c', stored: 2 },
      { command_id: 'other', stored: 2 },
    ])
  })

  test('reject when the store is away, and are placed when they come again', async () => {
    await accept(started('c'))
    parts.fail('append', 1)
    await expect(accept(output('c', 2, 0, 'x'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    // Nothing of those that were lost is counted.
    expect(await accept(output('c', 2, 0, 'x'), result('c', 3, 'x'))).toBe(3)
    expect((await parts.ended('c')).status).toBe('success')
  })
})

describe('a receipt', () => {
  test('comes when the reports would survive the death of the controller', async () => {
    expect(await accept(started('c'), output('c', 2, 0, 'x'))).toBe(2)
    // What a process that is killed in this moment leaves behind.
    using killed = temporaryFolder()
    cpSync(parts.path, killed.path, { recursive: true })
    const next = new LmdbJournal(new LmdbFolder(killed.path, silent))
    expect(await next.state('c')).toMatchObject({ last_report: 2, record: { status: 'running' } })
    await next.close()
  })

  test('says null of a command that is unknown, and of one of another agent', async () => {
    await parts.create('foreign', { agent_id: 'a2' })
    const told = [started('unknown'), started('foreign'), result('foreign', 2), started('c')]
    expect(await parts.reports.accept(link, told)).toEqual([
      { command_id: 'unknown', stored: null },
      { command_id: 'foreign', stored: null },
      { command_id: 'c', stored: 1 },
    ])
    expect(await parts.story('foreign')).toEqual(['response'])
    // Its own agent is believed as before.
    const own = await parts.connect('a2')
    expect(await parts.reports.accept(own, [started('foreign')])).toEqual([
      { command_id: 'foreign', stored: 1 },
    ])
  })

  test('of no reports is none', async () => {
    expect(await parts.reports.accept(link, [])).toEqual([])
  })
})

describe('an end', () => {
  test('that comes twice is receipted twice, placed once and published once', async () => {
    await accept(started('c'))
    expect(await accept(result('c', 2))).toBe(2)
    expect(await accept(result('c', 2))).toBe(2)
    expect(await parts.story('c')).toEqual(['response', 'started', 'success'])
    expect(parts.ends).toEqual(['c success'])
  })

  test('is the first of two in one message', async () => {
    const second = result('c', 2, '', { status: 'cancelled', exit_code: null, reason: 'Cancelled.' })
    expect(await accept(result('c', 1), second)).toBe(null)
    expect(await parts.story('c')).toEqual(['response', 'success'])
    expect(parts.ends).toEqual(['c success'])
  })

  test('is the last word: what comes after it in the same message is dropped', async () => {
    expect(await accept(started('c'), result('c', 2), output('c', 3, 0, 'x'))).toBe(null)
    expect(await parts.story('c')).toEqual(['response', 'started', 'success'])
  })

  test('that the agent does not know has the output that was stored', async () => {
    await accept(started('c'), output('c', 2, 0, 'hello'))
    expect(await accept(lost('c', 3))).toBe(3)
    const { status, result: end } = await parts.ended('c')
    expect([status, Buffer.from(end.stdout).toString(), end.stdout_bytes]).toEqual(['lost', 'hello', 5])
    expect(end.reason).toBe('The agent was restarted.')
  })

  test('takes the place of one that the controller has guessed, with output that came late', async () => {
    await ways['given up']()
    expect(await accept(output('c', 2, 0, 'late'))).toBe(2)
    expect(await accept(result('c', 3, 'late'))).toBe(3)
    expect(await parts.story('c')).toEqual(['response', 'started', 'lost', 'output', 'success'])
    expect(Buffer.from((await parts.ended('c')).result.stdout).toString()).toBe('late')
  })
})

describe('a report that cannot be true', () => {
  test('ends its command as lost, and the agent is asked to end what still runs', async () => {
    await accept(started('c'), output('c', 2, 0, 'hello'))
    expect(await accept(output('c', 3, 3, 'again'))).toBe(null)
    expect(await new LinkReader(link).rest()).toEqual(['cancel c'])
    const { status, result: end } = await parts.ended('c')
    expect([status, Buffer.from(end.stdout).toString()]).toEqual(['lost', 'hello'])
    expect(end.reason).toContain('a chunk of stdout begins at byte 3, and 5 bytes have come')
    expect(parts.complaints).toEqual(['a report of an agent cannot be true, its command is ended'])
  })

  test('ends its command after what came before it in the same message was placed', async () => {
    expect(await accept(started('c'), output('c', 2, 0, 'x'), started('c', 3), result('c', 4, 'x'))).toBe(
      null,
    )
    expect(await parts.story('c')).toEqual(['response', 'started', 'output', 'lost'])
  })

  test('leaves the other commands of the message as they are', async () => {
    await parts.create('other')
    const told = [started('c'), started('c', 2), started('other')]
    expect(await parts.reports.accept(link, told)).toEqual([
      { command_id: 'c', stored: null },
      { command_id: 'other', stored: 1 },
    ])
  })
})

describe('an intake that has not seen all that was stored', () => {
  /** Another controller on the same journal, or this one after a restart. */
  const another = () => {
    const { journal, events, log } = parts
    return new Reports({ journal, maxResultOutputBytes: 1000, events, log })
  }

  test('reads the beginning from the journal, and counts on from there', async () => {
    await accept(started('c'), output('c', 2, 0, 'one'))
    const told = [output('c', 3, 3, 'two'), result('c', 4, 'onetwo')]
    expect(await another().accept(link, told)).toEqual([{ command_id: 'c', stored: 4 }])
    expect(Buffer.from((await parts.ended('c')).result.stdout).toString()).toBe('onetwo')
  })

  test('ends the command by what it has read there when a report does not fit', async () => {
    await accept(started('c'), output('c', 2, 0, 'one'))
    expect(await another().accept(link, [output('c', 3, 0, 'one')])).toEqual([
      { command_id: 'c', stored: null },
    ])
    expect((await parts.ended('c')).status).toBe('lost')
  })

  test('reads on when another controller has placed more meanwhile', async () => {
    await accept(started('c'))
    await another().accept(link, [output('c', 2, 0, 'one')])
    expect(await accept(output('c', 3, 3, 'two'), result('c', 4, 'onetwo'))).toBe(4)
    expect((await parts.ended('c')).status).toBe('success')
  })
})
