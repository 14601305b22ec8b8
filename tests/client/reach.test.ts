import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOgentClient, type FetchInit } from '../../src/client/index.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.[Symbol.asyncDispose]())

const { username, password } = accounts.operator

describe('a fetch of the program', () => {
  test('makes the login and reads recordings, and no more', async () => {
    const asked: [url: string, init: FetchInit][] = []
    await using ogent = createOgentClient({
      ...{ url: system.url, username, password },
      fetch: (url, init) => {
        asked.push([url, init])
        return fetch(url, init)
      },
    })
    const { command_id, stdout } = await ogent.execute({ agent_id: 'agent-1', command: 'echo recorded' })
    expect(stdout).toBe('recorded\n')
    expect(await text(ogent.commands.recording(command_id))).toContain('recorded')
    await expect(text(ogent.commands.recording('none'))).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
    const of = (path: string) => `${system.url}/commands/${path}/recording`
    expect(asked.map(([url, { method }]) => `${method} ${url}`)).toEqual([
      `POST ${system.url}/token`,
      expect.stringContaining(`GET ${of(command_id).split('?')[0]}`),
      expect.stringContaining(`GET ${of('none')}`),
    ])
    const [[, login] = [], [, recording] = []] = asked
    expect(login?.body).toBe(new URLSearchParams({ username, password }).toString())
    expect(recording?.headers.authorization).toMatch(/^Bearer /)
  })

  test('is called as a function by itself, as the one of a browser has to be', async () => {
    const holders: unknown[] = []
    const own: typeof fetch = function (this: unknown, input, init) {
      holders.push(this)
      return fetch(input, init)
    }
    await using ogent = createOgentClient({ url: system.url, username, password, fetch: own })
    await ogent.me()
    expect(holders).toEqual([undefined])
  })

  test('ends its request when the loop over a recording is left', async () => {
    let signal: AbortSignal | undefined
    const token = await system.token('operator')
    await using ogent = createOgentClient({
      ...{ url: system.url, token },
      fetch: (url, init) => {
        signal = init.signal
        return fetch(url, init)
      },
    })
    const { command_id } = await ogent.execute({ agent_id: 'agent-1', command: 'echo recorded' })
    for await (const _part of ogent.commands.recording(command_id)) {
      expect(signal?.aborted).toBe(false)
      break
    }
    expect(signal?.aborted).toBe(true)
  })

  test('that fails is a lost connection, with its reason', async () => {
    await using ogent = createOgentClient({
      ...{ url: system.url, username, password, connectTimeoutMs: 0 },
      fetch: async () => {
        throw new TypeError('fetch failed', { cause: new Error('the cable is out') })
      },
    })
    await expect(ogent.me()).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: `No answer from ${system.url}: the cable is out.`,
    })
  })
})
