import { describe, expect, test } from 'vitest'
import { redisAddress } from '../../../src/server/storage/redis/address.redis.js'

describe('REDIS_URL', () => {
  test('names one server, with account, database and TLS', () => {
    expect(redisAddress('redis://cache')).toMatchObject({
      kind: 'single',
      options: { host: 'cache', port: 6379, db: 0 },
    })
    expect(redisAddress('rediss://ogent:p%40ss@[::1]:7000/3')).toEqual({
      kind: 'single',
      options: { username: 'ogent', password: 'p@ss', host: '::1', port: 7000, db: 3, tls: {} },
      shown: 'rediss://[::1]:7000',
    })
    expect(redisAddress('redis://:only-a-password@cache:1/')).toMatchObject({
      options: { password: 'only-a-password' },
    })
  })

  test('names sentinels and their master', () => {
    expect(redisAddress('redis+sentinel://:pass@a,b:1,c/mymaster/2?sentinel_password=x')).toMatchObject({
      kind: 'sentinel',
      options: {
        sentinels: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 1 },
          { host: 'c', port: 26379 },
        ],
        name: 'mymaster',
        db: 2,
        password: 'pass',
        sentinelPassword: 'x',
      },
    })
    expect(redisAddress('rediss+sentinel://a/m')).toMatchObject({
      options: { tls: {}, enableTLSForSentinelMode: true },
    })
  })

  test('names the first nodes of a cluster', () => {
    expect(redisAddress('rediss+cluster://u:p@a:1,b:2')).toMatchObject({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      options: { redisOptions: { username: 'u', password: 'p', tls: {} } },
    })
  })

  test.each([
    ['http://secret@cache', 'not of a form'],
    ['redis://secret@cache/one', 'a database is a number'],
    ['redis://secret@cache?family=6', 'nothing after ?'],
    ['redis+sentinel://secret@a,b', 'the name of their master'],
    ['redis+sentinel://secret@a/m?secret=1', 'sentinel_username'],
    ['redis+cluster://secret@a/1', 'no database'],
    ['redis://secret@a,b', 'a host is'],
    ['redis://u:secret%zz@a', 'two hex digits'],
  ])('is refused without its content when it cannot be parsed: %s', (url, said) => {
    expect(() => redisAddress(url)).toThrow(said)
    expect(() => redisAddress(url)).not.toThrow('secret')
  })
})
