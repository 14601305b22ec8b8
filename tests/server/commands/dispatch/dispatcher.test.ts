import { describe, expect, test } from 'vitest'
import { OgentError } from '../../../../src/shared/errors.js'
import { agentIdentity, helloOf, LinkReader, withTimers } from '../../../support/command-parts.js'
import { Site, type State, type Step, siteWith, stateOf, steps, type Way } from './dispatch-site.js'

const HOUR_MS = 3600_000

describe('a command', () => {
  test.each<[from: Way, step: Step, to: State]>([
    ['untracked', 'dispatch', 'waiting'],
    ['untracked', 'be reviewed', 'waiting'],
    ['untracked', 'be adopted', 'away'],
    ['untracked', 'be recovered', 'sent'],
    ['untracked', 'be dropped', 'untracked'],
    ['untracked', 'connect without it', 'untracked'],
    ['waiting', 'be reviewed', 'waiting'],
    ['waiting', 'connect without it', 'sent'],
    ['waiting', 'connect with it', 'sent'],
    ['waiting', 'be cancelled', 'ended'],
    ['waiting', 'be dropped', 'untracked'],
    ['sent', 'report', 'acknowledged'],
    ['sent', 'end', 'ended'],
    ['sent', 'lose the link', 'away'],
    ['sent', 'connect without it', 'sent'],
    ['sent', 'connect with it', 'sent'],
    ['sent', 'be cancelled', 'sent'],
    ['sent', 'be reviewed', 'sent'],
    ['sent', 'be recovered', 'sent'],
    ['sent', 'be dropped', 'untracked'],
    ['acknowledged', 'end', 'ended'],
    ['acknowledged', 'lose the link', 'away'],
    ['acknowledged', 'connect without it', 'ended'],
    ['acknowledged', 'connect with it', 'acknowledged'],
    ['acknowledged', 'be cancelled', 'acknowledged'],
    ['acknowledged', 'be reviewed', 'acknowledged'],
    ['acknowledged', 'be dropped', 'untracked'],
    ['away', 'connect without it', 'ended'],
    ['away', 'connect with it', 'acknowledged'],
    ['away', 'be cancelled', 'away'],
    ['away', 'be reviewed', 'away'],
    ['away', 'be recovered', 'away'],
    ['away', 'be dropped', 'untracked'],
    ['ended', 'connect without it', 'ended'],
    ['ended', 'connect with it', 'ended'],
    ['ended', 'be reviewed', 'ended'],
    ['ended', 'be recovered', 'ended'],
    ['ended', 'be dropped', 'ended'],
    ['ended', 'lose the link', 'ended'],
  ])('that is %s, after the step to %s, is %s', async (from, step, to) => {
    await using site = await siteWith(from)
    await steps[step](site)
    expect(await stateOf(site, 'c')).toBe(to)
    expect(site.parts.complaints).toEqual([])
  })

  test.each<[state: Way, counts: { waiting: number; sent: number }]>([
    ['untracked', { waiting: 0, sent: 0 }],
    ['waiting', { waiting: 1, sent: 0 }],
    ['sent', { waiting: 0, sent: 1 }],
    ['acknowledged', { waiting: 0, sent: 1 }],
    ['away', { waiting: 0, sent: 1 }],
    ['ended', { waiting: 0, sent: 0 }],
  ])('that is %s is counted as what it is', async (state, counts) => {
    await using site = await siteWith(state)
    expect(site.dispatcher.counts()).toEqual(counts)
  })
})

describe('an order', () => {
  test('leaves at once when its agent is connected', async () => {
    await using site = new Site()
    const reader = await site.connect()
    await site.dispatch('c')
    expect(await reader.rest()).toEqual(['registered', 'execute c'])
  })

  test('leaves in its turn, after those before it, when its agent comes', async () => {
    await using site = new Site()
    for (const id of ['c1', 'c2']) await site.dispatch(id)
    const reader = await site.connect()
    await site.dispatch('c3')
    const read = [await reader.next(), await reader.next(), await reader.next(), await reader.next()]
    expect(read).toEqual(['registered', 'execute c1', 'execute c2', 'execute c3'])
  })

  test('waits until the link has room, and those after it wait as well', async () => {
    await using site = new Site()
    const reader = await site.connect()
    await site.dispatch('large', { command: 'x'.repeat(4 * 1024 * 1024) })
    await site.dispatch('c1')
    await site.dispatch('c2')
    expect([await stateOf(site, 'c1'), await stateOf(site, 'c2')]).toEqual(['waiting', 'waiting'])
    expect(reader.link.queued).toBe(2)
    const read = [await reader.next(), await reader.next(), await reader.next(), await reader.next()]
    expect(read).toEqual(['registered', 'execute large', 'execute c1', 'execute c2'])
  })

  test('goes to the owner of the agent when that is another controller', async () => {
    const posted: string[] = []
    const send = async (agent_id: string, command_id: string) => void posted.push(`${agent_id} ${command_id}`)
    await using site = await siteWith('untracked', { ownership: { send } })
    await steps.dispatch(site)
    expect([posted, await stateOf(site, 'c')]).toEqual([['a1 c'], 'untracked'])
  })

  test('that cannot be brought to the owner is logged, and left to the next sweep', async () => {
    const send = () => Promise.reject(new OgentError('UNAVAILABLE', 'The store is away.'))
    await using site = await siteWith('untracked', { ownership: { send } })
    await steps.dispatch(site)
    await expect.poll(() => site.parts.complaints).toEqual(['an open command was not served'])
    expect(await stateOf(site, 'c')).toBe('untracked')
  })
})

describe('an order with an open standard input', () => {
  const connect = async ({ dispatcher }: Site, features: string[]) =>
    new LinkReader(await dispatcher.connect(helloOf('a1', { features }), agentIdentity))

  test('leaves by the link of an agent that supports it, and that is published', async () => {
    await using site = new Site()
    const sent: string[] = []
    site.parts.events.on('order_sent', ({ command_id, agent_id }) => sent.push(`${command_id} ${agent_id}`))
    const reader = await connect(site, ['stdin'])
    await site.dispatch('plain')
    await site.dispatch('c', { openStdin: true })
    expect(await reader.rest()).toEqual(['registered', 'execute plain', 'execute c'])
    expect(sent).toEqual(['c a1'])
  })

  test.each<[when: string, act: (site: Site) => Promise<LinkReader>]>([
    [
      'its agent is connected',
      async (site) => {
        const reader = await connect(site, ['waiting'])
        await site.dispatch('c', { openStdin: true })
        return reader
      },
    ],
    [
      'it had waited for its agent',
      async (site) => {
        await site.dispatch('c', { openStdin: true })
        return connect(site, [])
      },
    ],
    [
      'it waits in the store for its turn',
      async (site) => {
        const reader = await connect(site, [])
        await site.dispatch('large', { command: 'x'.repeat(4 * 1024 * 1024) })
        await site.dispatch('c', { openStdin: true })
        await reader.next()
        await reader.next()
        return reader
      },
    ],
    [
      'it is sent again to an agent that came back older',
      async (site) => {
        await connect(site, ['stdin'])
        await site.dispatch('c', { openStdin: true })
        await site.lose()
        return connect(site, [])
      },
    ],
  ])('ends its command and does not leave when its agent does not support it and %s', async (_when, act) => {
    await using site = new Site()
    const reader = await act(site)
    const { status, result } = await site.parts.ended('c')
    expect([status, result.error]).toEqual(['error', { code: 'TARGET_UNAVAILABLE' }])
    expect(result.reason).toContain('Agent a1 is too old for an open standard input: update the agent.')
    expect(await reader.rest()).not.toContain('execute c')
    expect(site.dispatcher.has('c')).toBe(false)
  })
})

describe('a command whose order waits', () => {
  test('ends as never sent when its time is over', async () => {
    await using site = new Site()
    await site.dispatch('c', { expiresInMs: 0 })
    const { status, result } = await site.parts.ended('c')
    expect([status, result.error]).toEqual(['error', { code: 'AGENT_OFFLINE' }])
    expect(site.dispatcher.has('c')).toBe(false)
  })

  test('ends as never sent when the link has no room for so long', async () => {
    await using site = new Site()
    const reader = await site.connect()
    await site.dispatch('large', { command: 'x'.repeat(4 * 1024 * 1024) })
    const { state, order } = await site.parts.create('c', { expiresInMs: 0 })
    // To an agent that is connected the way may take some time, too.
    withTimers((pass) => {
      site.dispatcher.dispatch(state, order)
      pass(5000)
    })
    expect((await site.parts.ended('c')).result.error).toEqual({ code: 'AGENT_OFFLINE' })
    expect(await reader.rest()).toEqual(['registered', 'execute large'])
    await site.dispatch('next')
    expect(await reader.next()).toBe('execute next')
  })

  test('stays one when the link is lost before it has room', async () => {
    await using site = new Site()
    await site.connect()
    await site.dispatch('large', { command: 'x'.repeat(4 * 1024 * 1024) })
    await site.dispatch('c')
    await site.lose()
    expect([await stateOf(site, 'large'), await stateOf(site, 'c')]).toEqual(['away', 'waiting'])
    expect(await site.parts.story('c')).toEqual(['response'])
  })
})

describe('a command whose agent is offline', () => {
  test.each<Way>(['sent', 'acknowledged'])('is lost after the grace when it was %s', async (state) => {
    await using site = await siteWith(state, { graceMs: 50 })
    site.link.close()
    expect((await site.parts.ended('c')).status).toBe('lost')
    expect(site.dispatcher.has('c')).toBe(false)
    expect((await site.parts.story('c')).slice(-2)).toEqual(['agent_lost', 'lost'])
  })

  test('lives again when the agent comes back with it after the grace', async () => {
    await using site = await siteWith('acknowledged', { graceMs: 50 })
    site.link.close()
    await site.parts.ended('c')
    await site.connect('c')
    expect(await stateOf(site, 'c')).toBe('acknowledged')
    await steps.end(site)
    expect(await site.parts.story('c')).toEqual([
      'response',
      'started',
      'agent_lost',
      'lost',
      'agent_back',
      'success',
    ])
  })

  test('is lost when the agent comes back without a command that it had reported on', async () => {
    await using site = await siteWith('away')
    await site.connect()
    expect((await site.parts.ended('c')).result.reason).toContain('without any memory of the command')
  })
})

describe('an order that the agent cannot read', () => {
  const order = { type: 'execute_command_event', command_id: 'c' }

  test('ends its command, which the agent has not run', async () => {
    await using site = await siteWith('sent')
    site.dispatcher.unsupported(site.link, [order])
    const { status, result } = await site.parts.ended('c')
    expect([status, result.error]).toEqual(['error', { code: 'TARGET_UNAVAILABLE' }])
  })

  test.each<[what: string, state: Way, named: { type: string; command_id?: string }]>([
    ['the agent has reported on its command', 'acknowledged', order],
    ['it is no order to execute', 'sent', { type: 'cancel_command_event', command_id: 'c' }],
    ['it is of an unknown command', 'sent', { ...order, command_id: 'unknown' }],
    ['it names no command', 'sent', { type: 'execute_command_event' }],
  ])('ends nothing when %s', async (_what, state, named) => {
    await using site = await siteWith(state)
    site.dispatcher.unsupported(site.link, [named])
    // What would end is put behind this, which does.
    await site.dispatch('after')
    site.dispatcher.unsupported(site.link, [{ ...order, command_id: 'after' }])
    await site.parts.ended('after')
    expect(await stateOf(site, 'c')).toBe(state)
  })

  test('ends nothing when the command is of another agent', async () => {
    await using site = await siteWith('sent')
    site.dispatcher.unsupported(await site.parts.connect('a2'), [order])
    await site.dispatch('after')
    site.dispatcher.unsupported(site.link, [{ ...order, command_id: 'after' }])
    await site.parts.ended('after')
    expect(await stateOf(site, 'c')).toBe('sent')
  })
})

describe('a dispatcher that is closed', () => {
  test('tracks nothing until it recovers what is open', async () => {
    await using site = await siteWith('away')
    await site.dispatch('waiting')
    site.dispatcher.close()
    expect(site.dispatcher.counts()).toEqual({ waiting: 0, sent: 0 })
    await site.dispatcher.recover()
    expect(site.dispatcher.counts()).toEqual({ waiting: 0, sent: 2 })
  })

  test('has no timer left', async () => {
    await using site = await siteWith('untracked')
    const state = await site.parts.state('c')
    const order = await site.parts.journal.order('c')
    withTimers((pass) => {
      if (order) site.dispatcher.dispatch(state, order)
      site.dispatcher.close()
      pass(2 * HOUR_MS)
    })
    await site.dispatch('after', { expiresInMs: 0 })
    await site.parts.ended('after')
    expect(site.parts.ends).toEqual(['after error'])
  })

  test('says nothing of a link that is lost', async () => {
    await using site = await siteWith('acknowledged')
    site.dispatcher.close()
    await site.lose()
    expect(await site.parts.story('c')).toEqual(['response', 'started'])
  })
})
