import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Controllers } from '../../support/controllers.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { accounts } from '../../support/system.js'

const { username, password } = accounts.viewer

type Answer = { status: number; wait: number }

/** A login from this address, as a trusted proxy tells it. */
async function login(url: string, address: string, given: string, name: string = username): Promise<Answer> {
  const reply = await fetch(`${url}/token`, {
    method: 'POST',
    headers: { 'x-forwarded-for': address },
    body: new URLSearchParams({ username: name, password: given }),
  })
  await reply.arrayBuffer()
  return { status: reply.status, wait: Number(reply.headers.get('retry-after')) }
}

async function startControllers(redis: RedisProcess): Promise<Controllers> {
  return Controllers.start(redis.url, { settings: { TRUSTED_PROXIES: ['127.0.0.1'] } })
}

describe.skipIf(needs('redis-server'))('two controllers that share a Redis', () => {
  let redis: RedisProcess
  let controllers: Controllers
  beforeAll(async () => {
    redis = await RedisProcess.start()
    controllers = await startControllers(redis)
  })
  afterAll(async () => {
    await controllers[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
  })

  /** Guesses in turn at one controller and the other. */
  async function guess(address: string, count: number, name: string = username): Promise<number[]> {
    const statuses: number[] = []
    for (let at = 0; at < count; at++) {
      statuses.push((await login(controllers.url(at % 2), address, `guess-${at}`, name)).status)
    }
    return statuses
  }

  test('refuse guesses that are spread over both after as many in all as one would', async () => {
    expect(await guess('10.0.0.1', 14)).toEqual([
      ...Array.from({ length: 10 }, () => 401),
      ...Array.from({ length: 4 }, () => 429),
    ])
    for (const at of [0, 1]) {
      const refused = await login(controllers.url(at), '10.0.0.1', password)
      expect(refused.status).toBe(429)
      expect(refused.wait).toBeGreaterThan(200)
      expect(refused.wait).toBeLessThanOrEqual(300)
      // What one address may not, another one may, and so may another name.
      expect((await login(controllers.url(at), '10.0.0.2', password)).status).toBe(200)
    }
    expect(await guess('10.0.0.1', 1, 'olga')).toEqual([401])
  })

  test('count the guesses of many names from one address together', async () => {
    for (const name of ['admin', 'victor', 'olga', 'agents', 'unknown']) {
      expect(await guess('10.0.1.1', 10, name)).toEqual(Array.from({ length: 10 }, () => 401))
    }
    expect(await guess('10.0.1.1', 2, 'another')).toEqual([429, 429])
  })

  test('let a user in at either from where that user came in at one, when strangers guess from elsewhere', async () => {
    const user = accounts.operator
    const from = (at: number, address: string) =>
      login(controllers.url(at), address, user.password, user.username)
    expect((await from(0, '10.0.2.1')).status).toBe(200)
    for (let address = 0; address < 10; address++) await guess(`10.0.3.${address}`, 10, user.username)
    for (const at of [0, 1]) {
      expect((await from(at, '10.0.4.1')).status).toBe(429)
      expect((await from(at, '10.0.2.1')).status).toBe(200)
    }
  })
})

describe.skipIf(needs('redis-server'))('while Redis', () => {
  test('is away, a controller counts guesses by itself and lets the right password in', async () => {
    await using redis = await RedisProcess.start()
    await using controllers = await startControllers(redis)
    await redis.end()
    for (const at of [0, 1]) {
      const url = controllers.url(at)
      for (let guess = 0; guess < 10; guess++) {
        expect((await login(url, '10.0.0.1', `guess-${guess}`)).status).toBe(401)
      }
      expect((await login(url, '10.0.0.1', password)).status).toBe(429)
      expect((await login(url, '10.0.0.2', password)).status).toBe(200)
    }
  })

  test('does not answer, guesses are counted all the same, and every login is answered', async () => {
    await using redis = await RedisProcess.start()
    await using controllers = await startControllers(redis)
    const url = controllers.url(0)
    redis.signal('SIGSTOP')
    const guesses = Array.from({ length: 20 }, (_, at) => login(url, '10.0.0.1', `guess-${at}`))
    const statuses = (await Promise.all(guesses)).map(({ status }) => status)
    // Those under way when it is enough are not refused: as many as are compared at a time.
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(13)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(7)
    expect((await login(url, '10.0.0.1', password)).status).toBe(429)
    redis.signal('SIGCONT')
  })
})
