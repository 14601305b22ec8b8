import { afterEach, describe, expect, test } from 'vitest'
import { LocalOwnership, localAttendance } from '../../../src/server/cluster/local.js'
import type { Adopted, OwnedWork, Ownership } from '../../../src/server/cluster/ports.js'
import { SharedOwnership } from '../../../src/server/cluster/shared-ownership.js'
import type { ClusterStore } from '../../../src/server/cluster/store.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { joinCluster } from '../../support/cluster.js'
import { strictEvents } from '../../support/events.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

/** Writes down what an owner is asked to do. */
class Notes implements OwnedWork {
  readonly adopted: { key: string; adopted: Adopted; mine: boolean }[] = []
  readonly received: string[] = []
  readonly dropped: string[] = []
  recovered = 0
  sweeps = 0
  /** What is open in the store, by key. */
  opened = new Map<string, string[]>()
  /** Messages that the next owner of a dropped key may not have seen. */
  unsure: string[] = []

  async recover(): Promise<void> {
    this.recovered += 1
  }
  async open(): Promise<Map<string, string[]>> {
    return this.opened
  }
  async adopt(key: string, adopted: Adopted, isMine: () => boolean): Promise<void> {
    this.adopted.push({ key, adopted, mine: isMine() })
  }
  drop(key: string): string[] {
    this.dropped.push(key)
    return this.unsure
  }
  async receive(key: string, message: string, isMine: () => boolean): Promise<void> {
    if (isMine()) this.received.push(`${key} ${message}`)
  }
  async check(_key: string, open: string[]): Promise<boolean> {
    return open.length > 0
  }
  async swept(): Promise<void> {
    this.sweeps += 1
  }
}

describe('ownership at a single controller', () => {
  test('recovers what was left open, and handles every message here at once', async () => {
    const work = new Notes()
    const ownership: Ownership = new LocalOwnership()
    await ownership.start(work)
    expect(work.recovered).toBe(1)
    let dealt = 0
    const sent = ownership.send('a1', 'c1', () => {
      dealt += 1
    })
    expect(dealt).toBe(1)
    await sent
    // There is no earlier owner, and no other that could have it in use.
    expect(ownership.acquired('a1')).toBe(false)
    expect(await ownership.ownsIdle('a1')).toBe(true)
    ownership.drop('a1')
    await ownership.close()
    expect([work.adopted, work.received, work.dropped]).toEqual([[], [], []])
  })

  test('counts no other controllers that attend', async () => {
    await localAttendance.attend('c1')
    expect(await localAttendance.count('c1')).toBe(0)
  })
})

type Site = { work: Notes; ownership: SharedOwnership; store: ClusterStore }

describe.skipIf(needs('redis-server'))('ownership among controllers', () => {
  const opened: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  async function sites(count: number, through = (store: ClusterStore) => store): Promise<Site[]> {
    const redis = await RedisProcess.start()
    opened.push(() => redis[Symbol.asyncDispose]())
    const made: Site[] = []
    for (let at = 0; at < count; at++) {
      const server = await RedisServer.open(redis.url, silent)
      const store = through((await joinCluster(server)).store)
      const ownership = new SharedOwnership({ store, events: strictEvents(), log: silent })
      const work = new Notes()
      await ownership.start(work)
      opened.push(
        () => server.close(),
        () => ownership.close(),
      )
      made.push({ work, ownership, store })
    }
    return made
  }

  /** Sends, and says whether it was dealt with here. */
  async function send({ ownership }: Site, key: string, message: string): Promise<boolean> {
    let here = false
    await ownership.send(key, message, () => {
      here = true
    })
    return here
  }

  test('goes to the first controller with a message for a key, which then gets all of its messages', async () => {
    const [one, other] = await sites(2)
    if (!one || !other) throw new Error('two sites were asked for')
    expect(await send(one, 'a1', 'c1')).toBe(true)
    expect(one.work.adopted).toEqual([{ key: 'a1', adopted: { idleMs: 0, wasInUse: false }, mine: true }])
    expect(await send(one, 'a1', 'c2')).toBe(true)
    expect(one.work.adopted).toHaveLength(1)
    expect(await send(other, 'a1', 'c3')).toBe(false)
    await until('the message is there', () => one.work.received.length > 0)
    expect(one.work.received).toEqual(['a1 c3'])
    expect(other.work.adopted).toEqual([])
    expect([await one.ownership.ownsIdle('a1'), await other.ownership.ownsIdle('a1')]).toEqual([true, false])
    // It is received once, and then no longer in the mailbox.
    await until('the mailbox is empty', async () => (await one.store.mail('a1'))?.length === 0)
    expect(one.work.received).toEqual(['a1 c3'])
  })

  test.each(['before', 'after'])(
    'receives a message once when its notification comes %s its mailbox is read',
    async (order) => {
      const held: (() => void)[] = []
      /** Passes notifications on with their entry when the test says so, and without it at once: that only starts a reading. */
      const through = (store: ClusterStore): ClusterStore => {
        const onMail: ClusterStore['onMail'] = (key, listener) =>
          store.onMail(key, (mail) => {
            if (order === 'before') return listener(mail)
            held.push(() => listener(mail))
            listener(undefined)
          })
        return new Proxy(store, {
          get(target, name) {
            if (name === 'onMail') return onMail
            const value: unknown = Reflect.get(target, name)
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
      }
      const [one, other] = await sites(2, through)
      if (!one || !other) throw new Error('two sites were asked for')
      await send(one, 'a1', 'c1')
      expect(await send(other, 'a1', 'c2')).toBe(false)
      await until('the message is there', () => one.work.received.length > 0)
      await until('the mailbox is empty', async () => (await one.store.mail('a1'))?.length === 0)
      for (const pass of held) pass()
      // Messages come in their order: with the second, nothing more of the first can come.
      expect(await send(other, 'a1', 'c3')).toBe(false)
      await until('the next message is there', () => one.work.received.includes('a1 c3'))
      expect(one.work.received).toEqual(['a1 c2', 'a1 c3'])
    },
  )

  test('goes to another controller, with what is open in the store, when its owner leaves', async () => {
    const [one, other] = await sites(2)
    if (!one || !other) throw new Error('two sites were asked for')
    await send(one, 'a1', 'c1')
    one.work.opened = new Map([['a1', ['c1']]])
    other.work.opened = one.work.opened
    await one.ownership.close()
    await until('the other has it', () => other.work.adopted.length > 0)
    expect(other.work.adopted[0]).toMatchObject({ key: 'a1', adopted: { wasInUse: false }, mine: true })
    expect(await send(other, 'a1', 'c2')).toBe(true)
  })

  test('ends when another controller has acquired the key, which also gets messages that may have been missed', async () => {
    const [one, other] = await sites(2)
    if (!one || !other) throw new Error('two sites were asked for')
    await send(one, 'a1', 'c1')
    one.work.unsure = ['c1']
    await one.store.release('a1')
    expect((await other.store.acquire('a1')).by).toBe('new')
    other.ownership.acquired('a1')
    one.ownership.drop('a1')
    expect(one.work.dropped).toEqual(['a1'])
    await until('the message is there', () => other.work.received.includes('a1 c1'))
    // Once: it is no longer owned here.
    one.ownership.drop('a1')
    expect(one.work.dropped).toEqual(['a1'])
  })

  test('is released when nothing is open under its key', async () => {
    const [one, other] = await sites(2)
    if (!one || !other) throw new Error('two sites were asked for')
    await send(one, 'a1', 'c1')
    await until('it was looked over', () => one.work.sweeps > 1)
    expect((await other.store.acquire('a1')).by).toBe('new')
  })
})
