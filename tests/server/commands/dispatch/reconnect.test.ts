import { describe, expect, test } from 'vitest'
import { actor } from '../../../support/actors.js'
import { agentIdentity, helloOf, report } from '../../../support/command-parts.js'
import { Site, siteWith, stateOf } from './dispatch-site.js'

const HOUR_MS = 3600_000

describe('a hello', () => {
  test('is answered with what is stored of each command that it names', async () => {
    await using site = await siteWith('acknowledged')
    await site.parts.create('foreign', { agent_id: 'a2' })
    await site.dispatch('done')
    await site.report(report.started('done'), report.result('done', 2))
    const hello = helloOf('a1', { commands: ['c', 'foreign', 'unknown', 'done', 'c'] })
    const link = await site.dispatcher.connect(hello, agentIdentity)
    const { value } = await link.events().next()
    expect(value).toMatchObject({
      type: 'registered',
      agent_id: 'a1',
      sid: link.sid,
      grace_ms: HOUR_MS,
      receipts: [
        { command_id: 'c', stored: 1 },
        { command_id: 'foreign', stored: null },
        { command_id: 'unknown', stored: null },
        { command_id: 'done', stored: null },
      ],
    })
  })

  test('throws FORBIDDEN and leaves no link when the account may not hold one', async () => {
    await using site = new Site()
    const viewer = actor('vera', 'viewer')
    await expect(site.dispatcher.connect(helloOf('a1'), viewer)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(site.parts.agents.link('a1')).toBeUndefined()
  })

  test('is answered before any order is sent when a command starts at that moment', async () => {
    await using site = new Site()
    const { state, order } = await site.parts.create('c')
    site.parts.events.on('agent_connected', () => site.dispatcher.dispatch(state, order))
    const reader = await site.connect()
    expect(await reader.rest()).toEqual(['registered', 'execute c'])
  })

  test('leaves no link when the store cannot say what it has', async () => {
    await using site = await siteWith('away')
    site.parts.fail('state', 1)
    await expect(site.connect('c')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(site.parts.agents.link('a1')).toBeUndefined()
    await site.connect('c')
    expect(await stateOf(site, 'c')).toBe('acknowledged')
  })
})

describe('a hello that fails halfway', () => {
  test('leaves a command whose order waits to end when its time is over', async () => {
    await using site = new Site()
    await site.dispatch('c', { expiresInMs: 1000 })
    site.parts.fail('state', 1)
    await site.connect().catch(() => {})
    expect((await site.parts.ended('c')).result.error).toEqual({ code: 'AGENT_OFFLINE' })
  })

  test('leaves a command whose order was sent to be lost after the grace', async () => {
    await using site = await siteWith('sent', { graceMs: 1000 })
    await site.lose()
    site.parts.fail('state', 1)
    await site.connect().catch(() => {})
    expect((await site.parts.ended('c')).status).toBe('lost')
  })
})

describe('an order that is owed', () => {
  test('is resent at the next hello when the agent does not name its command', async () => {
    await using site = await siteWith('sent')
    await site.lose()
    const reader = await site.connect()
    expect([await reader.next(), await reader.next()]).toEqual(['registered', 'execute c'])
    expect(await site.parts.story('c')).toEqual(['response', 'agent_lost', 'agent_back'])
  })

  test('is not resent when the agent names its command', async () => {
    await using site = await siteWith('sent')
    await site.lose()
    const reader = await site.connect('c')
    await site.dispatch('next')
    expect([await reader.next(), await reader.next()]).toEqual(['registered', 'execute next'])
    expect(await site.parts.story('c')).toEqual(['response', 'agent_lost', 'agent_back'])
  })

  test('is not sent when its time was over before its agent came', async () => {
    await using site = new Site()
    const { state } = await site.parts.create('c', { expiresInMs: 0 })
    // As an owner before this one left it: no timer of this one ends it sooner.
    site.dispatcher.adopt([state], 0)
    const reader = await site.connect()
    const { status, result } = await site.parts.ended('c')
    expect([status, result.error]).toEqual(['error', { code: 'AGENT_OFFLINE' }])
    expect(await reader.rest()).toEqual(['registered'])
  })
})
