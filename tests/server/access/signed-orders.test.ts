import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { auditKeyOf, newKeyText } from '../../../src/audit/keys.js'
import { Controllers } from '../../support/controllers.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { startSystem } from '../../support/system.js'

const line = (pem: string) => pem.split('\n').slice(1, -2).join('')

test('an agent that knows the key of its controller runs its orders, and no order of another one', async () => {
  await using system = await startSystem({ agent: false })
  const key = auditKeyOf(readFileSync(join(system.folder, 'controller', 'order-key'), 'utf8'))
  await system.addAgent('a1', { ORDER_KEYS: [key.public_key] })
  await system.addAgent('a2', { ORDER_KEYS: [auditKeyOf(newKeyText()).public_key] })
  await system.addAgent('a3', { ORDER_KEYS: [auditKeyOf(newKeyText()).public_key], ORDER_SIGNATURES: 'warn' })
  const ogent = system.client()
  const request = { command: 'cat; echo $A', stdin: 'in ', env: { A: 'b' }, cwd: '/' }
  expect(await ogent.execute({ agent_id: 'a1', ...request })).toMatchObject({ stdout: 'in b\n' })
  expect(await ogent.execute({ agent_id: 'a3', ...request })).toMatchObject({ status: 'success' })
  const started = await ogent.commands.start({ agent_id: 'a2', ...request })
  const refused = await ogent.commands.attach(started.command_id)
  expect(refused).toMatchObject({ status: 'refused', reason: expect.stringContaining('ORDER_SIGNATURES') })
  const { records } = await system.client('admin').audit.list({ action: 'order.refused' })
  expect(records).toMatchObject([
    {
      object: 'agent:a2',
      verdict: 'denied',
      command_id: refused.command_id,
      reason: expect.stringContaining('does not know'),
    },
  ])
})

test('an order that waited for its agent is signed anew for the time in which it is sent', async () => {
  await using system = await startSystem({ agent: false })
  const key = auditKeyOf(readFileSync(join(system.folder, 'controller', 'order-key'), 'utf8'))
  const settings = { ORDER_KEYS: [key.public_key] }
  const first = await system.addAgent('a1', settings)
  await first.stop({ drainMs: 0 })
  const ogent = system.client()
  const request = { agent_id: 'a1', command: 'echo late', deliver_within_seconds: 4 }
  const { command_id } = await ogent.commands.start(request)
  await system.addAgent('a1', settings)
  expect(await ogent.commands.attach(command_id)).toMatchObject({ status: 'success', stdout: 'late\n' })
})

describe.skipIf(needs('redis-server'))('an order that was written into Redis by hand', () => {
  test('is refused by the agent, and the audit says so; one that was changed there as well', {
    timeout: 120_000,
  }, async () => {
    const pem = newKeyText()
    await using redis = await RedisProcess.start()
    await using controllers = await Controllers.start(redis.url, { settings: { ORDER_KEY: line(pem) } })
    const hand = new Redis(redis.url)
    const settings = { ORDER_KEYS: [auditKeyOf(pem).public_key] }
    try {
      await (await controllers.agent(0, 'a1', settings)).stop({ drainMs: 0 })
      const ogent = controllers.client(0)
      const start = async (command: string) => {
        const started = await ogent.commands.start({ agent_id: 'a1', command, deliver_within_seconds: 100 })
        return { ...started, head: `ogent:{${started.command_id}}:head` }
      }
      const [honest, changed, forged] = [
        await start('echo honest'),
        await start('echo mine'),
        await start('echo mine'),
      ]
      const write = async (head: string, change: (order: Record<string, unknown>) => object) => {
        const order = JSON.parse((await hand.hget(head, 'order')) ?? '') as Record<string, unknown>
        await hand.hset(head, 'order', JSON.stringify(change(order)))
      }
      await write(changed.head, (order) => ({ ...order, command: 'echo theirs' }))
      await write(forged.head, ({ sig: _sig, ...order }) => ({ ...order, command: 'echo theirs' }))
      await controllers.agent(1, 'a1', settings)
      expect(await ogent.commands.attach(honest.command_id)).toMatchObject({
        status: 'success',
        stdout: 'honest\n',
      })
      for (const { command_id } of [changed, forged])
        expect(await ogent.commands.attach(command_id)).toMatchObject({ status: 'refused', stdout: '' })
      const admin = controllers.client(1, 'admin')
      await until('the audit has both', async () => {
        const { records } = await admin.audit.list({ action: 'order.refused' })
        return records.length === 2 && records.every(({ reason }) => reason.includes('ORDER_SIGNATURES'))
      })
    } finally {
      hand.disconnect()
    }
  })
})
