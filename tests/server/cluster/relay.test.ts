import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Relay } from '../../../src/server/cluster/ports.js'
import { LocalRelay } from '../../../src/server/cluster/relay.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { joinCluster } from '../../support/cluster.js'
import { until } from '../../support/processes.js'
import { RedisClusterProcesses, RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

/** Bytes that are no UTF-8, and a zero. */
const bytes = Buffer.from([0, 255, 254, 200, 65])

/** Hears what comes at an address, as texts of hex digits. */
function hear(relay: Relay, address: string) {
  const heard: string[] = []
  const listening = relay.listen(address, (message) => heard.push(Buffer.from(message).toString('hex')))
  return { ...listening, heard }
}

const hex = (text: string) => Buffer.from(text).toString('hex')

describe('a relay within one controller', () => {
  test('gives a message at once to all that listen at its address, and to no other', () => {
    const relay = new LocalRelay()
    const [one, two, other] = [hear(relay, 'a'), hear(relay, 'a'), hear(relay, 'b')]
    relay.send('a', bytes)
    two.close()
    relay.send('a', Buffer.from('again'))
    relay.send('unheard', Buffer.from('gone'))
    expect(one.heard).toEqual([bytes.toString('hex'), hex('again')])
    expect(two.heard).toEqual([bytes.toString('hex')])
    expect(other.heard).toEqual([])
  })

  test('leaves those that listen beside one that is closed during a message', () => {
    const relay = new LocalRelay()
    const first = relay.listen('a', () => first.close())
    const second = hear(relay, 'a')
    relay.send('a', Buffer.from('1'))
    relay.send('a', Buffer.from('2'))
    expect(second.heard).toEqual([hex('1'), hex('2')])
  })
})

const servers: RedisServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** The relay of another controller. */
async function relayAt(url: string): Promise<Relay> {
  const server = await RedisServer.open(url, silent)
  servers.push(server)
  return (await joinCluster(server)).relay
}

describe.skipIf(needs('redis-server')).each(['one Redis', 'a cluster of Redis'])(
  'a relay among controllers that share %s',
  (kind) => {
    let redis: RedisProcess | RedisClusterProcesses
    beforeAll(async () => {
      redis = kind === 'one Redis' ? await RedisProcess.start() : await RedisClusterProcesses.start()
    }, 120_000)
    afterAll(() => redis[Symbol.asyncDispose]())

    test('gives a message once to those that listen here and to those elsewhere, byte by byte', async () => {
      const [first, second] = [await relayAt(redis.url), await relayAt(redis.url)]
      const [here, there] = [hear(first, 'a'), hear(second, 'a')]
      await Promise.all([here.opened, there.opened])
      first.send('a', bytes)
      expect(here.heard).toEqual([bytes.toString('hex')])
      await until('the other has the message', () => there.heard.length > 0)
      // What was to come twice would have come before this.
      second.send('a', Buffer.from('back'))
      await until('it is answered', () => here.heard.length > 1)
      expect(here.heard).toEqual([bytes.toString('hex'), hex('back')])
      expect(there.heard).toEqual([bytes.toString('hex'), hex('back')])
    })

    test('gives nothing to a listener that is closed, and all to one beside it', async () => {
      const [first, second] = [await relayAt(redis.url), await relayAt(redis.url)]
      const [closed, open] = [hear(second, 'b'), hear(second, 'b')]
      await open.opened
      closed.close()
      first.send('b', bytes)
      await until('the other has the message', () => open.heard.length > 0)
      expect(closed.heard).toEqual([])
    })

    test('carries a message of 256 KiB complete', async () => {
      const [first, second] = [await relayAt(redis.url), await relayAt(redis.url)]
      const there = hear(second, 'c')
      await there.opened
      const large = Buffer.alloc(256 * 1024, 0xfe)
      first.send('c', large)
      await until('the other has the message', () => there.heard.length > 0)
      expect(there.heard).toEqual([large.toString('hex')])
    })
  },
)

describe.skipIf(needs('redis-server'))('a relay whose Redis is away', () => {
  test('serves those that listen here, and those elsewhere again when Redis is back', async () => {
    await using redis = await RedisProcess.start()
    const [first, second] = [await relayAt(redis.url), await relayAt(redis.url)]
    const [here, there] = [hear(first, 'a'), hear(second, 'a')]
    await there.opened
    await redis.end()
    first.send('a', Buffer.from('away'))
    expect(here.heard).toEqual([hex('away')])
    await redis.begin()
    await until('a message gets there again', () => {
      first.send('a', Buffer.from('back'))
      return there.heard.includes(hex('back'))
    })
  })
})
