import { expect, test, vi } from 'vitest'
import { callAs, onBothStores } from '../../../support/both-stores.js'
import { agentAt, clientOf, policyFor } from '../../../support/policies.js'

vi.setConfig({ testTimeout: 120_000 })

const denies = (agents: string, ...actions: ('run.shell' | 'agents.view' | 'commands.view')[]) => ({
  effect: 'deny' as const,
  actions,
  agents,
})

onBothStores('a policy that is in force', (open) => {
  test('refuses on every surface, at every controller, naming the agent and the grant', async () => {
    await using site = await open()
    await using _prod = await agentAt(site.urls[0], 'prod-1')
    await using _stage = await agentAt(site.urls[0], 'stage-1')
    await using admin = clientOf(site.urls[0], 'admin')
    await admin.policy.save(policyFor([denies('prod-1', 'run.shell')]), 'none')
    const run = (agent_id: string) =>
      callAs(site.urls[1], 'operator', `/agents/${agent_id}/execute`, { body: { command: 'echo hi' } })
    await expect
      .poll(() => run('prod-1'))
      .toMatchObject({
        status: 403,
        body: { code: 'FORBIDDEN', detail: expect.stringMatching(/prod-1.*narrow\[0\]/) },
      })
    expect(await run('stage-1')).toMatchObject({ status: 200, body: { status: 'success' } })
    await using olga = clientOf(site.urls[1], 'operator')
    const refused = { code: 'FORBIDDEN', message: expect.stringMatching(/prod-1.*narrow\[0\]/) }
    await expect(olga.execute({ agent_id: 'prod-1', command: 'id' })).rejects.toMatchObject(refused)
    await expect(olga.commands.start({ agent_id: 'prod-1', command: 'id' })).rejects.toMatchObject(refused)
    await expect(olga.analyze({ agent_id: 'prod-1', command: 'id' })).rejects.toMatchObject(refused)
    // Others are not meant.
    expect(await admin.execute({ agent_id: 'prod-1', command: 'echo hi' })).toMatchObject({
      status: 'success',
    })
  })

  test('hides what may not be seen, as if it were not there', async () => {
    await using site = await open()
    await using _prod = await agentAt(site.urls[0], 'prod-1')
    await using _stage = await agentAt(site.urls[0], 'stage-1')
    await using admin = clientOf(site.urls[1], 'admin')
    await using olga = clientOf(site.urls[1], 'operator')
    const hidden = await admin.execute({ agent_id: 'prod-1', command: 'echo hi' })
    await admin.execute({ agent_id: 'stage-1', command: 'echo hi' })
    await admin.policy.save(
      policyFor([denies('prod-1', 'run.shell', 'agents.view', 'commands.view')]),
      'none',
    )
    expect((await olga.agents.list()).map(({ agent_id }) => agent_id)).toEqual(['stage-1'])
    const listed = await olga.commands.list()
    expect(listed.commands.map(({ agent_id }) => agent_id)).toEqual(['stage-1'])
    expect((await olga.commands.list({ agent_id: 'prod-1' })).commands).toEqual([])
    const noAgent = { code: 'AGENT_NOT_FOUND', message: 'Agent with ID prod-1 not found' }
    await expect(olga.agents.get('prod-1')).rejects.toMatchObject(noAgent)
    await expect(olga.execute({ agent_id: 'prod-1', command: 'id' })).rejects.toMatchObject(noAgent)
    const noCommand = {
      code: 'COMMAND_NOT_FOUND',
      message: `Command with ID ${hidden.command_id} not found`,
    }
    await expect(olga.commands.get(hidden.command_id)).rejects.toMatchObject(noCommand)
    await expect(olga.commands.attach(hidden.command_id)).rejects.toMatchObject(noCommand)
    await expect(olga.commands.cancel(hidden.command_id)).rejects.toMatchObject(noCommand)
    await expect(olga.commands.get('never-there')).rejects.toMatchObject({
      message: 'Command with ID never-there not found',
    })
  })

  test('ends what its caller follows when it may not be seen any more', async () => {
    await using site = await open()
    await using _agent = await agentAt(site.urls[0], 'prod-1')
    await using admin = clientOf(site.urls[0], 'admin')
    await using olga = clientOf(site.urls[1], 'operator')
    const run = olga.execute({ agent_id: 'prod-1', command: 'while :; do echo tick; sleep 0.1; done' })
    const chunks = run.stdout[Symbol.asyncIterator]()
    await chunks.next()
    await admin.policy.save(
      policyFor([denies('prod-1', 'run.shell', 'agents.view', 'commands.view')]),
      'none',
    )
    await expect(run).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
    await admin.commands.cancel(run.command_id)
  })

  test('looks at commands as the shell does', async () => {
    await using site = await open()
    await using _agent = await agentAt(site.urls[0], 'web-1')
    await using admin = clientOf(site.urls[0], 'admin')
    const rm = { argv: ['rm'], rest: { glob: '*' } }
    const deny = { effect: 'deny' as const, actions: ['run.shell' as const], agents: 'all', commands: [rm] }
    await admin.policy.save(policyFor([deny]), 'none')
    const run = (command: string) =>
      callAs(site.urls[1], 'operator', '/agents/web-1/execute', { body: { command } })
    await expect.poll(async () => (await run('rm x')).status).toBe(403)
    for (const command of ['sh -c "rm x"', 'true; r\\m x', 'xargs rm < /dev/null', '$(echo rm) x']) {
      expect(await run(command), command).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
    }
    expect(await run('echo rm')).toMatchObject({ status: 200, body: { status: 'success' } })
  })
})
