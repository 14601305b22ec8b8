import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Agent } from '../../../../src/shared/agents/agent.js'
import { onBothStores, type Site } from '../../../support/both-stores.js'
import {
  callWith,
  joinRequest,
  KeyedAgent,
  makeJoinToken,
  post,
  TestKey,
} from '../../../support/keyed-agent.js'
import { RogueAgent, started } from '../../../support/rogue-agent.js'

const refusal = (code: string) => ({ shape: { data: { ogent: { code } } } })

onBothStores('labels and the end of agents', (open) => {
  let site: Site
  let first: string
  let second: string
  beforeAll(async () => {
    site = await open()
    ;[first, second] = site.urls
  }, 120_000)
  afterAll(() => site[Symbol.asyncDispose](), 120_000)

  const joined = async (agent_id: string, request: object = {}) => {
    const { token } = await makeJoinToken(first, request)
    return KeyedAgent.join(first, token, { agent_id })
  }
  const shown = async (url: string, agent_id: string) =>
    // As the schema of the reply has it.
    (await callWith(url, 'GET', `/agents/${agent_id}`)).body as unknown as Agent
  const label = (agent_id: string, labels: object, url = first, role: 'admin' | 'operator' = 'admin') =>
    callWith(url, 'PATCH', `/agents/${agent_id}`, { labels }, role)

  test.each(['a key', 'a password'])(
    'assigned labels of an agent with %s win over its own at every controller when an admin changes them',
    async (way) => {
      const agent_id = way.replace(' ', '-')
      const labels = { env: 'own', role: 'web' }
      const agent = way === 'a key' ? await joined(agent_id) : undefined
      const link = agent
        ? await agent.connect({ labels })
        : await RogueAgent.connect(first, agent_id, { labels })
      expect(await label(agent_id, { env: 'prod', tier: '1' }, second)).toMatchObject({
        status: 200,
        body: { assigned_labels: { env: 'prod', tier: '1' } },
      })
      const expected = {
        labels: { env: 'prod', role: 'web', tier: '1' },
        assigned_labels: { env: 'prod', tier: '1' },
      }
      for (const url of [first, second])
        await vi.waitFor(async () => expect(await shown(url, agent_id)).toMatchObject(expected))
      await label(agent_id, { tier: null })
      for (const url of [first, second])
        await vi.waitFor(async () =>
          expect(await shown(url, agent_id)).toMatchObject({
            labels: { env: 'prod', role: 'web' },
            assigned_labels: { env: 'prod' },
          }),
        )
      link.close()
    },
  )

  test('an agent does not change what was assigned to it when it reports other labels', async () => {
    const agent = await joined('says-otherwise', { labels: { env: 'staging' } })
    const link = await agent.connect({ labels: { env: 'prod', extra: 'yes' } })
    const about = await shown(second, 'says-otherwise')
    expect(about).toMatchObject({
      labels: { env: 'staging', extra: 'yes' },
      assigned_labels: { env: 'staging' },
    })
    const { body } = await callWith(first, 'GET', `/agents?selector=${encodeURIComponent('env=prod')}`)
    expect(JSON.stringify(body)).not.toContain('says-otherwise')
    const token = await agent.token()
    const reply = await fetch(`${first}/agents/says-otherwise`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ labels: { env: 'prod' } }),
    })
    expect(reply.status).toBe(403)
    link.close()
  })

  test('labels are refused when the caller is no admin, the agent is not known, or they cannot be', async () => {
    const agent = await joined('labelled')
    ;(await agent.connect()).close()
    expect(await label('labelled', { env: 'x' }, first, 'operator')).toMatchObject({ status: 403 })
    expect(await label('not-there', { env: 'x' })).toMatchObject({ status: 404 })
    expect(await label('labelled', { 'not a name': 'x' })).toMatchObject({ status: 422 })
    expect(await callWith(first, 'PATCH', '/agents/labelled', {})).toMatchObject({ status: 422 })
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`l${at}`, '']))
    expect(await label('labelled', many)).toMatchObject({ status: 422 })
  })

  test('a revoked agent is out at once, its open commands are lost, and neither its key nor its id opens anything again', async () => {
    const agent = await joined('revoked', { labels: { env: 'prod' } })
    const link = await agent.connect()
    const { body } = await callWith(second, 'POST', '/agents/revoked/execute', { command: 'sleep 100' })
    const { command_id } = body as { command_id: string }
    await link.order()
    await link.report(started(command_id))
    const began = performance.now()
    expect(await callWith(second, 'DELETE', '/agents/revoked')).toMatchObject({ status: 204 })
    await link.closed
    expect(performance.now() - began).toBeLessThan(5000)
    await vi.waitFor(async () =>
      expect((await callWith(first, 'GET', `/commands/${command_id}`)).body.status).toBe('lost'),
    )
    for (const url of [first, second]) {
      await vi.waitFor(async () => expect((await callWith(url, 'GET', '/agents/revoked')).status).toBe(404))
      expect(await agent.tokenReply(url)).toMatchObject({ status: 403, body: { code: 'AGENT_REVOKED' } })
      await expect(RogueAgent.connect(url, 'revoked')).rejects.toMatchObject(refusal('AGENT_REVOKED'))
    }
    const { token } = await makeJoinToken(first, { agent_id: 'revoked', uses: 5 })
    expect(
      await post(second, '/agents/join', joinRequest(token, new TestKey(), { agent_id: 'revoked' })),
    ).toMatchObject({
      status: 403,
      body: { code: 'AGENT_REVOKED' },
    })
    expect(await callWith(first, 'DELETE', '/agents/revoked')).toMatchObject({ status: 404 })
  })

  test('a token that was given before opens no link when its agent is revoked meanwhile', async () => {
    const agent = await joined('holds-a-token')
    const token = await agent.token()
    expect(await callWith(first, 'DELETE', '/agents/holds-a-token')).toMatchObject({ status: 204 })
    for (const url of [first, second])
      await expect(
        RogueAgent.connect(url, 'holds-a-token', { protocol_max: 2 }, token),
      ).rejects.toMatchObject(refusal('AGENT_REVOKED'))
  })

  test('an id that another account takes after it was forgotten has no label of the agent before', async () => {
    const link = await RogueAgent.connect(first, 'taken-again')
    await label('taken-again', { env: 'prod' })
    link.close()
    await vi.waitFor(async () =>
      expect(await callWith(first, 'DELETE', '/agents/taken-again')).toMatchObject({ status: 204 }),
    )
    const again = await RogueAgent.connect(second, 'taken-again')
    expect(await shown(second, 'taken-again')).toMatchObject({ labels: {}, assigned_labels: {} })
    again.close()
  })

  test('tRPC revokes agents with a key alone', async () => {
    const link = await RogueAgent.connect(first, 'without-a-key')
    const revoke = (agent_id: string) =>
      callWith(first, 'POST', '/trpc/agents.revoke', { json: { agent_id } })
    expect(JSON.stringify((await revoke('without-a-key')).body)).toContain('VALIDATION_FAILED')
    expect(JSON.stringify((await revoke('not-there')).body)).toContain('AGENT_NOT_FOUND')
    link.close()
  })
})
