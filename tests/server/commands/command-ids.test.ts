import { expect, test, vi } from 'vitest'
import { createOgentClient } from '../../../src/client/client.js'
import { RequestHash } from '../../../src/server/commands/request-hash.js'
import { commandRequestSchema } from '../../../src/shared/commands/request.js'
import { callAs, onBothStores } from '../../support/both-stores.js'
import { ended, output, RogueAgent, started } from '../../support/rogue-agent.js'
import { accounts } from '../../support/system.js'

vi.setConfig({ testTimeout: 120_000 })

const key = (id: string) => ({ 'idempotency-key': id, prefer: 'respond-async' })

onBothStores('a known command id', (open) => {
  test('is refused for every request that would run something else, and for every other user', async () => {
    await using site = await open()
    const [a, b] = site.urls
    await using _agent = await RogueAgent.connect(a, 'web-1')
    const first = {
      command: 'cat',
      stdin: 'one',
      cwd: '/tmp',
      env: { A: '1', B: '2' },
      timeout_seconds: 60,
    }
    const start = (url: string, role: 'operator' | 'admin', body: object) =>
      callAs(url, role, '/agents/web-1/execute', { body, headers: key('mine') })
    expect(await start(a, 'operator', first)).toMatchObject({ status: 202, body: { command_id: 'mine' } })

    const others: object[] = [
      { ...first, stdin: 'two' },
      { ...first, stdin: undefined },
      { ...first, open_stdin: true },
      { ...first, cwd: '/' },
      { ...first, env: { A: '1', B: '3' } },
      { ...first, env: { A: '1' } },
      { ...first, timeout_seconds: 61 },
      { ...first, execution_target: 'local' },
      { ...first, on_disconnect: 'cancel' },
      { ...first, allow_risk: 'high' },
      { ...first, command: 'tac' },
    ]
    for (const url of site.urls) {
      for (const other of others) {
        expect(await start(url, 'operator', other), JSON.stringify(other)).toMatchObject({
          status: 409,
          body: { code: 'COMMAND_ID_TAKEN' },
        })
      }
      expect(await start(url, 'admin', first)).toMatchObject({
        status: 409,
        body: { code: 'COMMAND_ID_TAKEN' },
      })
    }
    // How it is read and how long its sender waits for the agent is not what runs; nor is the order of names.
    const again = { ...first, env: { B: '2', A: '1' }, encoding: 'base64', deliver_within_seconds: 3 }
    expect(await start(b, 'operator', again)).toMatchObject({ status: 202, body: { command_id: 'mine' } })
  })

  test('gives no output to another user who sends the same text with another stdin', async () => {
    await using site = await open()
    const [a, b] = site.urls
    await using agent = await RogueAgent.connect(a, 'web-1')
    const { username, password } = accounts.operator
    const victim = createOgentClient({ url: b, username, password })
    const request = { agent_id: 'web-1', command: 'cat', command_id: 'backup-2026-11-30' }
    const poison = await callAs(a, 'admin', '/agents/web-1/execute', {
      body: { command: 'cat', stdin: 'evil' },
      headers: key(request.command_id),
    })
    expect(poison.status).toBe(202)
    const { command_id } = await agent.order()
    await agent.report(started(command_id), output(command_id, 2, 0, 'evil'), ended(command_id, 3, 'evil'))
    await expect(victim.execute({ ...request, stdin: 'good' })).rejects.toMatchObject({
      code: 'COMMAND_ID_TAKEN',
    })
    await expect(victim.commands.start({ ...request, stdin: 'evil' })).rejects.toMatchObject({
      code: 'COMMAND_ID_TAKEN',
    })
    await victim.close()
  })

  test('is followed by the same request of the same user after the command has ended', async () => {
    await using site = await open()
    const [a, b] = site.urls
    await using agent = await RogueAgent.connect(a, 'web-1')
    const { username, password } = accounts.operator
    const client = createOgentClient({ url: b, username, password })
    const request = { agent_id: 'web-1', command: 'cat', stdin: 'x', command_id: 'again-1' }
    const run = client.execute(request)
    run.then(
      () => {},
      () => {},
    )
    const { command_id } = await agent.order()
    await agent.report(started(command_id), output(command_id, 2, 0, 'x'), ended(command_id, 3, 'x'))
    expect(await run).toMatchObject({ status: 'success', stdout: 'x' })
    expect(await client.execute(request)).toMatchObject({ status: 'success', stdout: 'x' })
    expect(agent.waiting).toBe(0)
    await client.close()
  })
})

test('a request is compared by agent and text when the command was started with another SECRET_KEY', async () => {
  const request = commandRequestSchema.parse({ agent_id: 'a', command: 'cat', stdin: 'secret' })
  const before = new RequestHash('the key of before')
  const hash = before.of(request)
  expect(before.matches(hash, request)).toBe(true)
  expect(before.matches(hash, { ...request, stdin: 'other' })).toBe(false)
  expect(new RequestHash('the key of now').matches(hash, request)).toBeUndefined()
})

test('a request hash reveals nothing of the secrets in the request without the key', () => {
  const request = commandRequestSchema.parse({ agent_id: 'a', command: 'cat', stdin: '1234' })
  expect(new RequestHash('one').of(request)).not.toBe(new RequestHash('two').of(request))
  expect(new RequestHash('one').of(request)).toMatch(/^[0-9a-f]{72}$/)
})
