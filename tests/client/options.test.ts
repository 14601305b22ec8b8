import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import type { OgentClientOptions } from '../../src/client/options.js'
import { OgentError } from '../../src/shared/errors.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

describe('the client refuses at once', () => {
  const url = 'http://127.0.0.1:9'
  const account = { username: 'olga', password: 'right' }
  const wrong: [what: string, options: object, loc: string][] = [
    ['an address that is none', { url: 'foo', ...account }, 'url'],
    ['an empty address', { url: '', ...account }, 'url'],
    ['an address as an object', { url: new URL(url), ...account }, 'url'],
    ['an address of another kind', { url: 'ftp://127.0.0.1', ...account }, 'url'],
    ['no password', { url, username: 'olga' }, 'password'],
    ['an empty name', { url, username: '', password: 'right' }, 'username'],
    ['an empty token', { url, token: '' }, 'token'],
    ['a token that is none', { url, token: 7 }, 'token'],
    ['a time that is none', { url, ...account, connectTimeoutMs: Number.NaN }, 'connectTimeoutMs'],
    ['a proxy without a scheme', { url, ...account, proxy: 'proxy.example:3128' }, 'proxy'],
    ['a proxy of another kind', { url, ...account, proxy: 'socks5://ada:right@proxy.example' }, 'proxy'],
    ['a proxy that is none', { url, ...account, proxy: true }, 'proxy'],
    ['a fetch that is none', { url, ...account, fetch: 'node-fetch' }, 'fetch'],
    ['a path for a certificate', { url, ...account, ca: '/etc/ssl/ca.pem' }, 'ca'],
  ]

  // As plain JavaScript calls it: the types let none of these through.
  const create = (options: object | undefined) => createOgentClient(options as OgentClientOptions)

  test.each(wrong)('%s', (_what, options, loc) => {
    const refusal = thrown(() => create(options))
    expect(refusal).toBeInstanceOf(OgentError)
    expect(refusal).toMatchObject({ code: 'VALIDATION_FAILED', retryable: false })
    const { issues = [], message } = refusal as OgentError
    expect(issues[0]?.loc).toEqual([loc])
    expect(message).toMatch(new RegExp(`^${loc}: takes `))
    expect(message).not.toContain('right')
  })

  test('all wrong options in one error', () => {
    const { issues } = thrown(() => create({ url: 'foo', token: '' })) as OgentError
    expect(issues?.map(({ loc }) => loc[0])).toEqual(['url', 'token'])
  })

  function thrown(act: () => unknown): unknown {
    try {
      act()
    } catch (error) {
      return error
    }
    return undefined
  }
})

describe('a token function', () => {
  const ways: [string, (ogent: OgentClient) => Promise<unknown>][] = [
    ['a call', (ogent) => ogent.me()],
    ['a start', (ogent) => ogent.commands.start({ agent_id: 'agent-1', command: 'true' })],
    ['a run', async (ogent) => ogent.execute({ agent_id: 'agent-1', command: 'true' })],
    ['a cancel', (ogent) => ogent.execute({ agent_id: 'agent-1', command: 'true' }).cancel()],
    ['a loop over a run', (ogent) => first(ogent.execute({ agent_id: 'agent-1', command: 'true' }))],
    ['a loop over its text', (ogent) => first(ogent.commands.attach('any').stdout)],
    ['a watch', (ogent) => first(ogent.agents.watch())],
    ['a recording', (ogent) => first(ogent.commands.recording('any'))],
  ]

  test.each(ways)('that fails gives its own error at once: %s', async (_what, act) => {
    const own = new TypeError('no session')
    let asked = 0
    const token = async () => {
      asked += 1
      throw own
    }
    const ogent = createOgentClient({ url: system.url, token })
    await expect(act(ogent)).rejects.toBe(own)
    expect(asked).toBeLessThanOrEqual(2)
    await ogent.close()
  })

  test('that throws synchronously gives its own error too', async () => {
    const own = new Error('no session')
    const token = () => {
      throw own
    }
    const ogent = createOgentClient({ url: system.url, token })
    await expect(ogent.me()).rejects.toBe(own)
    await ogent.close()
  })

  test('is called again after an error with the code CONNECTION_LOST', async () => {
    let asked = 0
    const token = async () => {
      asked += 1
      if (asked < 3) throw new OgentError('CONNECTION_LOST', 'The tokens are away.')
      return system.token('operator')
    }
    const ogent = createOgentClient({ url: system.url, token })
    await expect(ogent.me()).resolves.toMatchObject({ username: accounts.operator.username })
    await ogent.close()
  })

  async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
    for await (const item of items) return item
    return undefined
  }
})
