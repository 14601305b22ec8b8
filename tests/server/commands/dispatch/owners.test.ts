import { describe, expect, test } from 'vitest'
import { report } from '../../../support/command-parts.js'
import { Site, siteWith, stateOf } from './dispatch-site.js'

const HOUR_MS = 3600_000

describe('the commands of an agent that another controller owns by now', () => {
  test('are no longer tracked, and those without a report are given to the other one', async () => {
    await using site = new Site()
    await site.connect()
    for (const id of ['c1', 'c2']) await site.dispatch(id)
    await site.report(report.started('c1'))
    await site.dispatch('other', { agent_id: 'a2' })
    expect(site.dispatcher.drop('a1')).toEqual(['c2'])
    expect(site.dispatcher.openOf('a1')).toEqual([])
    expect(site.dispatcher.has('other')).toBe(true)
  })

  test('have no timer any more', async () => {
    await using site = await siteWith('untracked', { graceMs: 50 })
    const { state: left } = await site.parts.create('left', { agent_id: 'a2' })
    // The timer of the first is due before that of the one that is left.
    site.dispatcher.adopt([await site.parts.state('c'), left], 0)
    expect(site.dispatcher.drop('a1')).toEqual(['c'])
    await site.parts.ended('left')
    expect(site.parts.ends).toEqual(['left lost'])
  })

  test('are left to it when their agent does not come back here within the grace', async () => {
    const asked: string[] = []
    const ownsIdle = async (agent_id: string) => {
      asked.push(agent_id)
      return false
    }
    await using site = await siteWith('acknowledged', { graceMs: 50, ownership: { ownsIdle } })
    site.link.close()
    await expect.poll(() => site.dispatcher.has('c')).toBe(false)
    expect([asked, await site.parts.story('c')]).toEqual([['a1'], ['response', 'started', 'agent_lost']])
  })
})

describe('what an earlier owner left open', () => {
  test('is tracked once when it is recovered at a start, and all of it', async () => {
    await using site = new Site()
    for (const id of ['c1', 'c2']) await site.parts.create(id)
    await site.parts.create('other', { agent_id: 'a2', leased: true })
    await site.dispatcher.recover()
    await site.dispatcher.recover()
    expect(site.dispatcher.counts()).toEqual({ waiting: 0, sent: 3 })
    expect(site.dispatcher.openOf('a1').map(({ command_id }) => command_id)).toEqual(['c1', 'c2'])
    expect(site.dispatcher.leased()).toEqual(['other'])
  })

  test('is lost when its agent does not come within the grace of the start', async () => {
    await using site = new Site({ graceMs: 50 })
    await site.parts.create('c')
    await site.dispatcher.recover()
    expect((await site.parts.ended('c')).status).toBe('lost')
  })

  test('has what is left of the grace when it is adopted', async () => {
    await using site = await siteWith('untracked', { graceMs: HOUR_MS })
    site.dispatcher.adopt([await site.parts.state('c')], HOUR_MS + 1)
    expect((await site.parts.ended('c')).status).toBe('lost')
    expect(await site.parts.story('c')).toEqual(['response', 'agent_lost', 'lost'])
  })

  test('does not say again that the agent is offline when the owner before said so', async () => {
    await using site = await siteWith('away')
    site.dispatcher.drop('a1')
    site.dispatcher.adopt([await site.parts.state('c')], 0)
    expect(await site.parts.story('c')).toEqual(['response', 'started', 'agent_lost'])
    expect(await stateOf(site, 'c')).toBe('away')
  })

  test('is served on when the agent comes with it', async () => {
    await using site = await siteWith('away')
    site.dispatcher.drop('a1')
    site.dispatcher.adopt([await site.parts.state('c')], 0)
    await site.connect('c')
    expect(await stateOf(site, 'c')).toBe('acknowledged')
  })
})
