import { describe } from 'vitest'
import type { ControllerSettings } from '../../src/server/config.js'
import { Controllers } from './controllers.js'
import { RedisProcess } from './redis.js'
import { needs } from './services.js'
import { accounts, startSystem } from './system.js'

/** What a test needs of either store: addresses of controllers (two that share Redis, else one twice), and callers. */
export type Site = {
  readonly urls: [first: string, second: string]
  /** The folder of the embedded store, or undefined. */
  readonly folder: string | undefined
} & AsyncDisposable

type OpenSite = (settings?: Partial<ControllerSettings>) => Promise<Site>

/** The same tests on the embedded store, and on a Redis that two controllers share. */
export function onBothStores(what: string, tests: (open: OpenSite, store: 'LMDB' | 'Redis') => void): void {
  describe(`${what}, on LMDB`, () => tests(openLmdb, 'LMDB'))
  describe.skipIf(needs('redis-server'))(`${what}, on Redis`, () => tests(openRedis, 'Redis'))
}

async function openLmdb(settings: Partial<ControllerSettings> = {}): Promise<Site> {
  const system = await startSystem({ agent: false, controller: settings })
  return {
    urls: [system.url, system.url],
    folder: system.folder,
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  }
}

async function openRedis(settings: Partial<ControllerSettings> = {}): Promise<Site> {
  const redis = await RedisProcess.start()
  try {
    const controllers = await Controllers.start(redis.url, { settings })
    return {
      urls: [controllers.url(0), controllers.url(1)],
      folder: undefined,
      async [Symbol.asyncDispose]() {
        await controllers[Symbol.asyncDispose]()
        await redis[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await redis[Symbol.asyncDispose]()
    throw error
  }
}

/** A login costs a third of a second, and is not what is tested. */
const tokens = new Map<string, Promise<string>>()

async function tokenOf(url: string, role: keyof typeof accounts): Promise<string> {
  const { username, password } = accounts[role]
  const body = new URLSearchParams({ username, password })
  const login = await fetch(`${url}/token`, { method: 'POST', body })
  const { access_token } = (await login.json()) as { access_token: string }
  return access_token
}

/** A REST call to a controller with a role's token. */
export async function callAs(
  url: string,
  role: keyof typeof accounts,
  path: string,
  init: { body?: unknown; headers?: Record<string, string>; method?: string } = {},
): Promise<{ status: number; body: Record<string, unknown>; text: string }> {
  const login = `${url} ${role}`
  const token = tokens.get(login) ?? tokenOf(url, role)
  tokens.set(login, token)
  const headers = {
    authorization: `Bearer ${await token}`,
    ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...init.headers,
  }
  const reply = await fetch(`${url}${path}`, {
    headers,
    ...(init.body === undefined ? {} : { method: 'POST', body: JSON.stringify(init.body) }),
    ...(init.method === undefined ? {} : { method: init.method }),
  })
  const text = await reply.text()
  const isJson = /json(;|$)/.test(reply.headers.get('content-type') ?? '')
  return { status: reply.status, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {}, text }
}
