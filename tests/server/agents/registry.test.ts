import { describe, expect, test } from 'vitest'
import { info } from '../../agent/link/loops.js'
import { actor } from '../../support/actors.js'
import { agentIdentity, helloOf } from '../../support/command-parts.js'
import { until } from '../../support/processes.js'
import { Site, type State, type Step, siteWith, stateOf, steps, type Way } from './registry-site.js'

describe('an agent', () => {
  test.each<[from: Way, step: Step, to: State, says: string[]]>([
    ['unknown', 'connect', 'connected here', ['agent_connected a1']],
    ['unknown', 'see its controller killed', 'unknown', []],
    ['unknown', 'be set back', 'unknown', []],
    ['connected here', 'connect', 'connected here', ['agent_connected a1']],
    ['connected here', 'lose its link', 'offline', ['agent_disconnected a1', 'link_lost a1']],
    ['connected here', 'see its controller killed', 'offline', []],
    ['offline', 'connect', 'connected here', ['agent_connected a1']],
    ['offline', 'be forgotten', 'unknown', ['agent_forgotten a1']],
    ['offline', 'see its controller killed', 'offline', []],
    ['offline', 'be cut off', 'offline', []],
  ])('that is %s, after the step to %s, is %s', async (from, step, to, says) => {
    await using site = await siteWith(from)
    const before = site.heard.length
    await steps[step](site)
    expect(stateOf(site.agents)).toBe(to)
    expect(site.heard.slice(before)).toEqual(says)
  })

  test.each<Step>(['be set back', 'be cut off'])(
    'that is connected goes offline when it is to %s',
    async (step) => {
      await using site = await siteWith('connected here')
      const other = await site.connect({ agent_id: 'other' })
      await steps[step](site)
      expect(stateOf(site.agents)).not.toBe('connected here')
      await until('the directory has the link back', () => site.heard.includes('link_lost a1'))
      expect([stateOf(site.agents), other.closed]).toEqual(['offline', step === 'be cut off'])
    },
  )

  test('stays forgotten when its controller is started anew', async () => {
    await using site = await siteWith('offline')
    await site.agents.forget('a1')
    await site.restart()
    expect(stateOf(site.agents)).toBe('unknown')
  })

  test('stays connected when it is to be forgotten, which throws AGENT_ID_TAKEN', async () => {
    await using site = await siteWith('connected here')
    await expect(site.agents.forget('a1')).rejects.toMatchObject({ code: 'AGENT_ID_TAKEN' })
    expect(stateOf(site.agents)).toBe('connected here')
  })

  test('that is unknown can be neither found nor forgotten', async () => {
    await using site = new Site()
    for (const find of [
      async () => site.agents.get('a1'),
      () => site.agents.find('a1'),
      () => site.agents.forget('a1'),
    ])
      await expect(find()).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
  })

  test('is issued an id when it names none', async () => {
    await using site = new Site()
    const { agent_id: _none, ...hello } = helloOf('a1')
    const [one, other] = await Promise.all(
      [hello, hello].map((sent) => site.agents.connect(sent, agentIdentity, () => false)),
    )
    expect(one?.agent_id).toMatch(/^agent-/)
    expect(one?.agent_id).not.toBe(other?.agent_id)
  })

  test('is counted as unseen since its link was lost, and not while it is connected', async () => {
    await using site = await siteWith('connected here')
    const soon = Date.now() + 3600_000
    expect(site.agents.unseenSince(soon)).toEqual([])
    await site.lose()
    expect(site.agents.unseenSince(soon)).toEqual(['a1'])
    expect(site.agents.unseenSince(Date.parse(site.agents.get('a1').last_seen_at))).toEqual([])
  })
})

describe('a link that the same instance replaces', () => {
  test('is closed and takes nothing with it', async () => {
    await using site = await siteWith('connected here')
    const old = site.agents.link('a1')
    const link = await site.connect()
    expect([old?.closed, site.agents.link('a1')]).toEqual([true, link])
    // What its close might say is said by the time that another agent has come and gone.
    const other = await site.connect({ agent_id: 'other' })
    other.close()
    await until('the other one is gone', () => site.heard.includes('link_lost other'))
    expect(site.heard.filter((line) => line.endsWith(' a1'))).toEqual([
      'agent_connected a1',
      'agent_connected a1',
    ])
    expect(stateOf(site.agents)).toBe('connected here')
  })

  test('is no longer found by its sid, and no other agent finds it', async () => {
    await using site = await siteWith('connected here')
    const old = site.agents.link('a1')
    const { sid } = await site.connect()
    expect(site.agents.linkBySid(old?.sid ?? '', 'a1')).toBeUndefined()
    expect(site.agents.linkBySid(sid, 'a1')?.sid).toBe(sid)
    expect([site.agents.linkBySid(sid, 'other'), site.agents.linkBySid(sid, undefined)]).toEqual([
      undefined,
      undefined,
    ])
  })

  test('no longer says what the agent is', async () => {
    await using site = await siteWith('connected here')
    const old = site.agents.link('a1')
    const link = await site.connect()
    if (old) site.agents.update(old, { ...info, hostname: 'old' })
    expect(site.agents.get('a1').hostname).toBe(info.hostname)
    site.agents.update(link, { ...info, hostname: 'new' })
    expect(site.agents.get('a1')).toMatchObject({ hostname: 'new', agent_info: { hostname: 'new' } })
    await site.lose()
    site.agents.update(link, { ...info, hostname: 'late' })
    expect(site.agents.get('a1').hostname).toBe('new')
  })
})

const stranger = actor('eve', 'agent')

describe('the agents of an account', () => {
  const connect = (site: Site, agent_id: string, as = agentIdentity) => site.connect({ agent_id }, as)

  test('are bounded, offline ones too, and one that is forgotten makes room', async () => {
    await using site = new Site({ maxPerUser: 2 })
    await connect(site, 'a1')
    await connect(site, 'a2')
    await site.lose()
    await expect(connect(site, 'a3')).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(stateOf(site.agents, 'a3')).toBe('unknown')
    await connect(site, 'a1')
    await connect(site, 'e1', stranger)
    await site.lose()
    await site.agents.forget('a1')
    await connect(site, 'a3')
    await expect(connect(site, 'a1')).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  })

  test('are bounded when many come at the same moment', async () => {
    await using site = new Site({ maxPerUser: 2 })
    const settled = await Promise.allSettled(['a1', 'a2', 'a3', 'a4'].map((id) => connect(site, id)))
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected'])
    expect(site.agents.counts()).toMatchObject({ known: 2, connected: 2 })
  })

  test('do not count a hello that was refused', async () => {
    await using site = new Site({ maxPerUser: 1 })
    await expect(site.connect({ protocol: 99 })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await connect(site, 'a1')
    expect(stateOf(site.agents)).toBe('connected here')
  })

  test('are summed up with what their links and they themselves hold', async () => {
    await using site = new Site()
    const [one, other] = [await connect(site, 'a1'), await connect(site, 'a2')]
    one.push({ type: 'cancel_command_event', command_id: 'c', requested_by: 'olga' })
    one.load = { running: 1, queued: 2, outbox_bytes: 3 }
    other.load = { running: 10, queued: 20, outbox_bytes: 30 }
    const load = { running: 11, queued: 22, outbox_bytes: 33 }
    expect(site.agents.counts()).toEqual({ known: 2, connected: 2, orders: 1, load })
    await site.lose()
    expect(site.agents.counts()).toEqual({ known: 2, connected: 1, orders: 0, load: other.load })
  })
})

describe('a registry that is closed', () => {
  test('has closed every link, and says so of each agent', async () => {
    await using site = await siteWith('connected here')
    await site.connect({ agent_id: 'a2' })
    await site.agents.close()
    expect([stateOf(site.agents), stateOf(site.agents, 'a2')]).toEqual(['offline', 'offline'])
    expect(site.heard.filter((line) => line.startsWith('link_lost'))).toEqual([
      'link_lost a1',
      'link_lost a2',
    ])
  })
})
