import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { requestToken as ask } from '../../../src/client/transport/login.js'
import { Session } from '../../../src/client/transport/session.js'
import { keepAccount, removeAccount } from '../../../src/server/kept-accounts.js'
import type { Role } from '../../../src/shared/access/identity.js'
import { startLoop } from '../../agent/link/loops.js'
import { Controllers } from '../../support/controllers.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { startSystem } from '../../support/system.js'

/** With patience for a machine that has much else to do. */
const requestToken = (url: string, username: string, password: string) =>
  ask({ url, username, password, timeoutMs: 120_000 })

const password = 'kept-pass-1'

type Place = { env: Record<string, string>; url: string }

/** An account in the store, with a token and a socket of its own that watches the agents. */
async function watcherOf({ env, url }: Place, username: string, role: Role) {
  await keepAccount(env, { username, password, role })
  const { access_token: token } = await requestToken(url, username, password)
  const session = await Session.open({ url, token })
  let heard = false
  const call = { type: 'subscription', path: 'agents.events', input: undefined } as const
  session.call(call, {
    data: () => {
      heard = true
    },
    error: () => {},
    complete: () => {},
  })
  await until('it hears of the agents', () => heard)
  const status = async () =>
    (await fetch(`${url}/users/me`, { headers: { authorization: `Bearer ${token}` } })).status
  return { session, status }
}

describe('on the store of one controller', () => {
  test.each<[what: string, change: (env: Record<string, string>) => Promise<unknown>]>([
    ['is removed', (env) => removeAccount(env, 'vera')],
    ['has another role', (env) => keepAccount(env, { username: 'vera', password, role: 'agent' })],
    [
      'has another password',
      (env) => keepAccount(env, { username: 'vera', password: 'new-1', role: 'viewer' }),
    ],
  ])(
    'a socket is closed, and its token refused, when its account %s',
    { timeout: 300_000 },
    async (_, change) => {
      await using system = await startSystem({ agent: false })
      const env = { DATA_DIR: join(system.folder, 'controller') }
      const place = { env, url: system.url }
      const kept = await watcherOf(place, 'victoria', 'viewer')
      const { session, status } = await watcherOf(place, 'vera', 'viewer')
      expect(await status()).toBe(200)
      await change(env)
      expect((await session.closed).message).toContain('4401')
      await until('the token is refused', async () => (await status()) === 401)
      expect(await kept.status()).toBe(200)
      expect(kept.session.usable).toBe(true)
      kept.session.close()
    },
  )

  test('the link of an agent is closed for good when its account is removed', {
    timeout: 300_000,
  }, async () => {
    await using system = await startSystem({ agent: false })
    const env = { DATA_DIR: join(system.folder, 'controller') }
    await keepAccount(env, { username: 'ag', password, role: 'agent' })
    const loop = startLoop('revoked', { url: system.url, username: 'ag', password, reconnectDelayMs: 20 })
    await until('it is registered', () => loop.registered.length > 0)
    await removeAccount(env, 'ag')
    const away = async () => (await system.client('viewer').agents.get('revoked')).status === 'disconnected'
    await until('its link is closed', away)
    await until('it is refused', () => loop.lines.some(({ code }) => code === 'UNAUTHORIZED'))
    expect(loop.registered).toHaveLength(1)
    await loop.stop()
  })

  test('an unfinished reply is ended when its account is removed', { timeout: 300_000 }, async () => {
    await using system = await startSystem()
    const env = { DATA_DIR: join(system.folder, 'controller') }
    await keepAccount(env, { username: 'oscar', password, role: 'operator' })
    const { access_token } = await requestToken(system.url, 'oscar', password)
    const { command_id } = await system
      .client('admin')
      .commands.start({ agent_id: 'agent-1', command: 'sleep 600' })
    const headers = { authorization: `Bearer ${access_token}` }
    const events = await fetch(`${system.url}/commands/${command_id}/events`, { headers })
    await removeAccount(env, 'oscar')
    await expect(events.text()).rejects.toThrow()
    await system.client('admin').commands.cancel(command_id)
  })
})

describe.skipIf(needs('redis-server'))('on a Redis that controllers share', () => {
  test('every controller closes the connections of an account when it is removed', {
    timeout: 300_000,
  }, async () => {
    await using redis = await RedisProcess.start()
    await using controllers = await Controllers.start(redis.url)
    const env = { REDIS_URL: redis.url }
    const first = await watcherOf({ env, url: controllers.url(0) }, 'vera', 'viewer')
    const second = await watcherOf({ env, url: controllers.url(1) }, 'vera', 'viewer')
    await removeAccount(env, 'vera')
    expect((await first.session.closed).message).toContain('4401')
    expect((await second.session.closed).message).toContain('4401')
    await until('both refuse the token', async () => (await first.status()) + (await second.status()) === 802)
  })
})
