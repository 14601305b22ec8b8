import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Mirror } from '../../../src/server/access/mirror.js'
import type { SharedRows, StoredUser } from '../../../src/server/access/ports.js'
import { LmdbRows } from '../../../src/server/access/rows.lmdb.js'
import { newStoredUser, withIds } from '../../../src/server/access/stored-user.js'
import { redisUsers } from '../../../src/server/access/users.redis.js'
import { UsersFile } from '../../../src/server/access/users-file.js'
import { accountFault, keepAccount, listAccounts } from '../../../src/server/kept-accounts.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { temporaryFolder } from '../../support/folder.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

/** What opens the same rows once more, as another process would. */
type Place = { open(): Promise<SharedRows<StoredUser>> | SharedRows<StoredUser> } & AsyncDisposable

function filePlace(): Place & { path: string } {
  const folder = temporaryFolder()
  return {
    path: folder.path,
    open: () => new UsersFile(folder.path),
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]()
    },
  }
}

function lmdbPlace(): Place {
  const folder = temporaryFolder()
  const lmdb = new LmdbFolder(folder.path, silent)
  const rows = new LmdbRows<StoredUser>(lmdb, 'rows')
  return {
    open: () => rows,
    async [Symbol.asyncDispose]() {
      await lmdb.close()
      folder[Symbol.dispose]()
    },
  }
}

async function redisPlace(): Promise<Place & { redis: RedisProcess }> {
  const redis = await RedisProcess.start()
  const servers: RedisServer[] = []
  return {
    redis,
    async open() {
      const server = await RedisServer.open(redis.url, silent)
      servers.push(server)
      return redisUsers(server, silent)
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server.close()
      await redis[Symbol.asyncDispose]()
    },
  }
}

const mirrorOf = (rows: SharedRows<StoredUser>) =>
  Mirror.open({ rows, what: 'accounts', log: silent, mend: withIds })
const userOf = (username: string) =>
  newStoredUser({ username, roles: ['viewer'], password_hash: 'scrypt$1$1$1$c2FsdA$aGFzaA' })

function suite(openPlace: () => Promise<Place> | Place): void {
  let place: Place
  const mirrors: Mirror<StoredUser>[] = []
  const open = async () => {
    const mirror = await mirrorOf(await place.open())
    mirrors.push(mirror)
    return mirror
  }
  beforeEach(async () => {
    place = await openPlace()
  })
  afterEach(async () => {
    for (const mirror of mirrors.splice(0)) mirror.close()
    await place[Symbol.asyncDispose]()
  })

  test('a change is seen by every other one within a second', async () => {
    const [one, other] = [await open(), await open()]
    const ann = userOf('ann')
    const changed = new Promise<void>((resolve) => other.onChange(() => other.rows.has('ann') && resolve()))
    await one.change(() => ({ change: { put: [['ann', ann]] }, result: undefined }))
    await changed
    expect(other.rows.get('ann')).toEqual(ann)
    await other.change(() => ({ change: { remove: ['ann'] }, result: undefined }))
    await until('it is gone', () => !one.rows.has('ann'))
  })

  test('changes that are made at once are made one after the other, and none is lost', async () => {
    const two = [await open(), await open()]
    const names = Array.from({ length: 16 }, (_, at) => `user-${at}`)
    await Promise.all(
      names.map((name, at) =>
        two[at % 2]?.change((rows) => ({
          change: { put: [[name, { ...userOf(name), generation: rows.size }]] },
          result: undefined,
        })),
      ),
    )
    const third = await open()
    expect([...third.rows.keys()].sort()).toEqual([...names].sort())
    // Each saw those before it.
    const seen = [...third.rows.values()].map(({ generation }) => generation).sort((a, b) => a - b)
    expect(seen).toEqual(names.map((_, at) => at))
  })

  test('what a change throws is thrown, and changes nothing', async () => {
    const rows = await open()
    const refuse = () => {
      throw new Error('not so')
    }
    await expect(rows.change(refuse)).rejects.toThrow('not so')
    expect((await open()).rows.size).toBe(0)
  })
}

describe('rows that controllers share, in a file', () => suite(filePlace))
describe('rows that controllers share, in LMDB', () => suite(lmdbPlace))
describe.skipIf(needs('redis-server'))('rows that controllers share, in Redis', () => suite(redisPlace))

/** As a controller of before wrote it. */
const OLD = { username: 'olga', role: 'operator', password_hash: 'scrypt$1$1$1$c2FsdA$aGFzaA' }

describe('accounts of before they had ids', () => {
  test('get ids in the file, which a controller of before can still read', async () => {
    await using place = filePlace()
    const file = join(place.path, 'users.json')
    writeFileSync(file, JSON.stringify([OLD]), { mode: 0o600 })
    const [first, second] = await Promise.all([
      mirrorOf(place.open() as never),
      mirrorOf(place.open() as never),
    ])
    expect(first.rows.get('olga')).toMatchObject({ roles: ['operator'], generation: 0, kind: 'user' })
    const id = first.rows.get('olga')?.user_id
    expect(id).toMatch(/^[0-9A-Z]{26}$/)
    expect(second.rows.get('olga')?.user_id).toBe(id)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject([OLD])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    first.close()
    second.close()
  })

  test.skipIf(needs('redis-server'))(
    'get one id each in Redis, where controllers start at once, and also when they are added later',
    { timeout: 60_000 },
    async () => {
      await using place = await redisPlace()
      const client = place.redis.client()
      await client.call('hset', 'ogent:{users}', 'olga', JSON.stringify(OLD))
      const mirrors = await Promise.all([1, 2, 3].map(async () => mirrorOf(await place.open())))
      const ids = mirrors.map(({ rows }) => rows.get('olga')?.user_id)
      expect(new Set(ids).size).toBe(1)
      expect(ids[0]).toMatch(/^[0-9A-Z]{26}$/)
      const row = JSON.parse(String(await client.call('hget', 'ogent:{users}', 'olga')))
      expect(row).toMatchObject({ ...OLD, user_id: ids[0] })
      // A controller of before says nothing of what it writes.
      await client.call('hset', 'ogent:{users}', 'otto', JSON.stringify({ ...OLD, username: 'otto' }))
      await until('all know it', async () => {
        await Promise.all(mirrors.map((mirror) => mirror.refresh()))
        return mirrors.every(({ rows }) => rows.has('otto'))
      })
      expect(new Set(mirrors.map(({ rows }) => rows.get('otto')?.user_id)).size).toBe(1)
      for (const mirror of mirrors) mirror.close()
      client.disconnect()
    },
  )

  test('a controller of before admits none that is locked or has no built-in role', async () => {
    await using place = filePlace()
    const rows = await mirrorOf(place.open() as never)
    const locked = { ...userOf('lou'), disabled_at: '2026-01-01T00:00:00Z' }
    const other = { ...userOf('otto'), roles: ['deployer'] }
    await rows.change(() => ({
      change: {
        put: [
          ['lou', locked],
          ['otto', other],
        ],
      },
      result: undefined,
    }))
    const kept = JSON.parse(readFileSync(join(place.path, 'users.json'), 'utf8')) as (typeof OLD)[]
    for (const { role, password_hash } of kept) {
      expect(role).toBe('viewer')
      expect(password_hash.split('$')[0]).not.toBe('scrypt')
    }
    const again = await mirrorOf(place.open() as never)
    expect([...again.rows.values()]).toEqual([locked, other])
    rows.close()
    again.close()
  })
})

test('accounts that are kept from the command line keep their ids, and lose their logins when they change', async () => {
  await using place = filePlace()
  const env = { DATA_DIR: place.path }
  await keepAccount(env, { username: 'ann', password: 'first', role: 'viewer' })
  const [made] = await listAccounts(env)
  await keepAccount(env, { username: 'ann', password: 'second', role: 'operator' })
  expect(await listAccounts(env)).toMatchObject([
    { user_id: made?.user_id, roles: ['operator'], generation: 2 },
  ])
  expect(accountFault(env, { username: 'ann', password: 'first', role: 'viewer' })).toBeUndefined()
})

test('a lock on the file that a killed process left behind holds up a change for seconds only', async () => {
  await using place = filePlace()
  const rows = await mirrorOf(place.open() as never)
  writeFileSync(join(place.path, 'users.json.lock'), '1\n')
  await rows.change(() => ({ change: { put: [['ann', userOf('ann')]] }, result: undefined }))
  expect(rows.rows.has('ann')).toBe(true)
  rows.close()
}, 60_000)
