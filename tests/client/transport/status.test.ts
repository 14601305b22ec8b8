import { decodeJwt, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createOgentClient, type OgentClient } from '../../../src/client/client.js'
import type { ConnectionStatus } from '../../../src/client/transport/status.js'
import { OgentError } from '../../../src/shared/errors.js'
import { TcpProxy } from '../../support/proxy.js'
import { accounts, type System, startSystem } from '../../support/system.js'

const SECRET_KEY = 'the-key-of-the-controller-of-this-test'

let system: System
let proxy: TcpProxy
beforeAll(async () => {
  system = await startSystem({ agent: false, controller: { SECRET_KEY } })
  proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
})
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await system?.[Symbol.asyncDispose]()
})
beforeEach(() => proxy.resume())

function client(options: { password?: string; connectTimeoutMs?: number } = {}): OgentClient {
  const { username, password } = accounts.operator
  const made = createOgentClient({ url: proxy.url, username, password, ...options })
  system.clients.push(made)
  return made
}

type Reader = AsyncIterator<ConnectionStatus>

function read(ogent: OgentClient): Reader {
  return ogent.status()[Symbol.asyncIterator]()
}

async function next(reader: Reader): Promise<ConnectionStatus> {
  const { value, done } = await reader.next()
  if (done) throw new Error('The status has ended.')
  return value
}

/** Reads on to the first status of this kind. */
async function nextOf<S extends ConnectionStatus['state']>(reader: Reader, state: S) {
  while (true) {
    const status = await next(reader)
    // What was compared is not known to the compiler to narrow a union by a type parameter.
    if (status.state === state) return status as Extract<ConnectionStatus, { state: S }>
  }
}

describe('the status of a client', () => {
  test('goes from idle through its first connection to a loss, a new connection and its end', async () => {
    const ogent = client()
    const seen: ConnectionStatus[] = []
    for await (const status of ogent.status()) {
      seen.push(status)
      // By the time that the call is answered, its connection is the newest there is to say.
      if (status.state === 'idle') await ogent.me()
      if (status.state !== 'connected') continue
      if (seen.some(({ state }) => state === 'reconnecting')) await ogent.close()
      else proxy.cut()
    }
    expect(seen.map(({ state }) => state)).toEqual([
      'idle',
      'connected',
      'reconnecting',
      'connected',
      'closed',
    ])
    expect(seen[2]).toMatchObject({ attempt: 1, error: { code: 'CONNECTION_LOST' } })
    for (const { since } of seen) expect(new Date(since).toISOString()).toBe(since)
    expect(seen.map(({ since }) => since)).toEqual(seen.map(({ since }) => since).sort())
  })

  test('is connecting while the first connection is being made', async () => {
    const ogent = client()
    const reader = read(ogent)
    expect(await next(reader)).toEqual({ state: 'idle', since: expect.any(String) })
    const me = ogent.me()
    expect(await next(reader)).toEqual({ state: 'connecting', since: expect.any(String), attempt: 1 })
    expect(await next(reader)).toEqual({ state: 'connected', since: expect.any(String) })
    await me
    await ogent.close()
  })

  test('counts the attempts while the controller is away, and keeps the time of the loss', async () => {
    const ogent = client()
    const reader = read(ogent)
    await ogent.me()
    await nextOf(reader, 'connected')
    proxy.close()
    const lost = await nextOf(reader, 'reconnecting')
    expect(lost.attempt).toBe(1)
    for (const attempt of [2, 3, 4]) {
      const { error, ...status } = await nextOf(reader, 'reconnecting')
      expect(status).toEqual({ state: 'reconnecting', since: lost.since, attempt })
      expect(error).toMatchObject({ code: 'CONNECTION_LOST' })
    }
    proxy.resume()
    const { since } = await nextOf(reader, 'connected')
    expect(Date.parse(since)).toBeGreaterThanOrEqual(Date.parse(lost.since))
    await ogent.close()
  })

  test('keeps trying after the calls have failed', async () => {
    proxy.close()
    const ogent = client({ connectTimeoutMs: 0 })
    const reader = read(ogent)
    await expect(ogent.me()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    const { attempt } = await nextOf(reader, 'connecting')
    expect((await nextOf(reader, 'connecting')).attempt).toBeGreaterThan(attempt)
    proxy.resume()
    await nextOf(reader, 'connected')
    await ogent.close()
  })

  test('is idle, with the error, when another attempt would fail again', async () => {
    const ogent = client({ password: 'not-the-password' })
    await expect(ogent.me()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    const reader = read(ogent)
    const status = await nextOf(reader, 'idle')
    expect(status.error).toBeInstanceOf(OgentError)
    expect(status.error).toMatchObject({ code: 'UNAUTHORIZED' })
    await ogent.close()
    expect(await next(reader)).toMatchObject({ state: 'closed' })
  })

  test('contains, as the cause of its error, what a token function threw', async () => {
    const own = new TypeError('no session')
    const token = async () => {
      throw own
    }
    const ogent = createOgentClient({ url: proxy.url, token })
    await expect(ogent.me()).rejects.toBe(own)
    const status = await nextOf(read(ogent), 'idle')
    expect(status.error?.cause).toBe(own)
    await ogent.close()
  })

  test('is reconnecting when a controller asks its clients to leave', async () => {
    await using other = await startSystem({ agent: false })
    const ogent = other.client()
    await ogent.me()
    const reader = read(ogent)
    await nextOf(reader, 'connected')
    const closing = other.controller.close()
    const { error } = await nextOf(reader, 'reconnecting')
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' })
    await ogent.close()
    await closing
  })

  test('stays connected, since the same time, when another socket replaces the first for a fresh token', async () => {
    let asked = 0
    const token = async () => {
      asked += 1
      return oldFromTheStart(await system.token('operator'))
    }
    const ogent = createOgentClient({ url: proxy.url, token })
    const seen: string[] = []
    await ogent.me()
    const reading = (async () => {
      for await (const { state } of ogent.status()) seen.push(state)
    })()
    for (let calls = 0; calls < 3; calls++) await ogent.me()
    await ogent.close()
    await reading
    expect(asked).toBe(4)
    expect(seen).toEqual(['connected', 'closed'])
  })
})

/** The same token with a life of no length, by its own words, so that a fresh one is taken for each call. */
async function oldFromTheStart(token: string): Promise<string> {
  const { exp, ...claims } = decodeJwt(token)
  if (exp === undefined) throw new Error('The token has no end.')
  const signed = new SignJWT({ ...claims, exp, iat: exp }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
  return signed.sign(new TextEncoder().encode(SECRET_KEY))
}

describe('a loop over the status', () => {
  test('that is slow gets the newest state, and the end', async () => {
    const ogent = client()
    await ogent.me()
    const slow = read(ogent)
    const quick = read(ogent)
    await nextOf(slow, 'connected')
    await nextOf(quick, 'connected')
    for (let cuts = 0; cuts < 3; cuts++) {
      proxy.cut()
      await nextOf(quick, 'reconnecting')
      await nextOf(quick, 'connected')
    }
    // All that came meanwhile is one status.
    expect(await next(slow)).toMatchObject({ state: 'connected' })
    proxy.cut()
    await nextOf(quick, 'reconnecting')
    await ogent.close()
    expect(await next(slow)).toMatchObject({ state: 'closed' })
    expect(await slow.next()).toEqual({ value: undefined, done: true })
  })

  test('begins with the present state and yields all later ones for each of several readers', async () => {
    const ogent = client()
    await ogent.me()
    const readers = [read(ogent), read(ogent)]
    for (const reader of readers) expect(await next(reader)).toMatchObject({ state: 'connected' })
    proxy.cut()
    for (const reader of readers) expect(await next(reader)).toMatchObject({ state: 'reconnecting' })
    for (const reader of readers) expect(await nextOf(reader, 'connected')).toBeTruthy()
    await ogent.close()
    for (const reader of readers) {
      expect(await next(reader)).toMatchObject({ state: 'closed' })
      expect(await reader.next()).toMatchObject({ done: true })
    }
  })

  test('yields the state closed and ends when the client is closed', async () => {
    const ogent = client()
    await ogent.close()
    const seen: string[] = []
    for await (const { state } of ogent.status()) seen.push(state)
    expect(seen).toEqual(['closed'])
  })

  test('does not keep a connection open when it is left', async () => {
    const ogent = client()
    await ogent.me()
    for await (const { state } of ogent.status()) {
      expect(state).toBe('connected')
      break
    }
    const left = read(ogent)
    await nextOf(left, 'connected')
    const waiting = left.next()
    await left.return?.()
    expect(await waiting).toEqual({ value: undefined, done: true })
    const before = proxy.broken
    proxy.cut()
    expect(proxy.broken).toBe(before + 1)
    // A second client's new connection shows that the first one's time has passed: it dials after a loss as well.
    const other = client()
    const reader = read(other)
    await other.me()
    await nextOf(reader, 'connected')
    proxy.cut()
    await nextOf(reader, 'reconnecting')
    await nextOf(reader, 'connected')
    expect(proxy.connections).toBe(1)
    // It is made by the next call, or the next loop.
    for await (const { state } of ogent.status()) if (state === 'connected') break
    expect(proxy.connections).toBe(2)
    await ogent.close()
    await other.close()
  })
})
