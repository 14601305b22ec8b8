import { describe, expect, test } from 'vitest'
import type { Actor } from '../../../src/server/transport/caller.js'
import type { Hello, Machine } from '../../../src/shared/link/protocol.js'
import { actor } from '../../support/actors.js'
import { agentIdentity } from '../../support/command-parts.js'
import { Site, siteWith, stateOf } from './registry-site.js'

const here: Machine = { id: 'machine-a', boot: 'boot-1' }
const copy: Machine = { id: 'machine-b', boot: 'boot-2' }
const stranger: Actor = actor('eve', 'agent')
const admin: Actor = actor('ada', 'admin')

describe('a hello that may not have the id', () => {
  test.each<
    [code: string, why: string, state: 'connected here' | 'offline', hello: Partial<Hello>, as: Actor]
  >([
    ['AGENT_ID_TAKEN', 'another instance has it', 'connected here', { instance_id: 'other' }, agentIdentity],
    ['FORBIDDEN', 'another account has it', 'connected here', {}, stranger],
    ['FORBIDDEN', 'another account had it', 'offline', {}, stranger],
    ['AGENT_CLONED', 'another machine has it', 'connected here', { machine: copy }, agentIdentity],
    ['AGENT_CLONED', 'another machine had it just before', 'offline', { machine: copy }, agentIdentity],
    ['BAD_REQUEST', 'there is no protocol in common', 'connected here', { protocol: 99 }, agentIdentity],
    ['BAD_REQUEST', 'there is no protocol in common', 'offline', { protocol: 99 }, agentIdentity],
  ])('throws %s when %s, which is then still %s', async (code, _why, state, hello, as) => {
    await using site = new Site()
    const link = await site.connect({ machine: here })
    if (state === 'offline') await site.lose()
    const before = [...site.heard]
    await expect(site.connect(hello, as)).rejects.toMatchObject({ code })
    expect([stateOf(site.agents), link.closed]).toEqual([state, state === 'offline'])
    expect(site.heard).toEqual(before)
  })

  test('throws AGENT_CLONED after the grace too while the agent has commands open', async () => {
    await using site = new Site({ graceMs: 0 })
    await site.connect({ machine: here })
    await site.lose()
    await expect(site.connect({ machine: copy }, agentIdentity, true)).rejects.toMatchObject({
      code: 'AGENT_CLONED',
    })
    await site.connect({ machine: copy, instance_id: 'copy' })
    expect(stateOf(site.agents)).toBe('connected here')
  })

  test('does not become known when there is no protocol in common', async () => {
    await using site = new Site()
    await expect(site.connect({ protocol: 99 })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect([stateOf(site.agents), site.heard]).toEqual(['unknown', []])
  })
})

describe('a hello that may have the id', () => {
  test.each<[why: string, machine: Machine | undefined]>([
    ['the machine was started anew', { ...here, boot: 'boot-3' }],
    ['the machine was renamed', { ...here, id: 'renamed' }],
    ['nothing is said of the machine', undefined],
  ])('connects just after another instance when %s', async (_why, machine) => {
    await using site = new Site()
    await site.connect({ machine: here })
    await site.lose()
    await site.connect({ machine, instance_id: 'next' })
    expect(stateOf(site.agents)).toBe('connected here')
  })

  test('connects when an admin says it, and the agent stays that of its account', async () => {
    await using site = await siteWith('offline')
    await site.connect({}, admin)
    await site.lose()
    await site.connect()
    await site.lose()
    await expect(site.connect({}, stranger)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  test('connects for any account when the agent was forgotten', async () => {
    await using site = await siteWith('offline')
    await site.agents.forget('a1')
    await site.connect({}, stranger)
    await site.lose()
    await expect(site.connect()).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })
})
