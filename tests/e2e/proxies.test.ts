import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { Session } from '../../src/client/transport/session.js'
import { startAgentProcess } from '../support/agent-process.js'
import { certificatesFor } from '../support/certificates.js'
import { ConnectProxy } from '../support/connect-proxy.js'
import { temporaryFolder } from '../support/folder.js'
import { ogent } from '../support/ogent.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'
import { accounts, type System, startSystem } from '../support/system.js'

/** Resolved by no name server: what reaches the controller under it came by a proxy. */
const CONTROLLER = 'https://controller.example'
/** Nothing listens there. */
const DEAD = 'http://127.0.0.1:9'

const folder = temporaryFolder()
const file = (name: string) => join(folder.path, name)
let ca: string
let secured: System
let plain: System
let token: string
const port = (system: System) => Number(new URL(system.url).port)
beforeAll(async () => {
  // No address: what comes by one is to be refused, whatever name is at hand beside it.
  const { root, host } = await certificatesFor(['localhost', 'controller.example'])
  ca = root.cert
  writeFileSync(file('ca.pem'), ca)
  writeFileSync(file('cert.pem'), host.cert)
  writeFileSync(file('key.pem'), host.private)
  secured = await startSystem({
    controller: { TLS_CERT: file('cert.pem'), TLS_KEY: file('key.pem') },
    agent: false,
  })
  plain = await startSystem()
  token = await directToken()
})
afterEach(() => {
  vi.unstubAllEnvs()
})
afterAll(async () => {
  await plain[Symbol.asyncDispose]()
  await secured[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function directToken(): Promise<string> {
  const { requestToken } = await import('../../src/client/transport/login.js')
  const { username, password } = accounts.operator
  const url = `https://localhost:${port(secured)}`
  return (await requestToken({ url, username, password, ca })).access_token
}

const toSecured = (options: { credentials?: string; tls?: { cert: string; key: string } } = {}) =>
  ConnectProxy.start({ ...options, to: () => port(secured) })

/** By a login and by a token: the first contact is over HTTP with the one, by WebSocket with the other. */
const ways = () => {
  const { username, password } = accounts.operator
  return [{ username, password }, { token }]
}

/** What a client throws that is to fail at once. */
async function failure(url: string, env: Record<string, string>, trust: { ca?: string } = { ca }) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const thrown = await Promise.all(
    ways().map(async (way) => {
      const client = createOgentClient({ url, connectTimeoutMs: 0, ...trust, ...way })
      const error: unknown = await client.me().catch((cause: unknown) => cause)
      await client.close()
      return error
    }),
  )
  vi.unstubAllEnvs()
  return thrown
}

async function expectFailure(thrown: unknown[], message: string | RegExp): Promise<void> {
  expect(thrown).toHaveLength(2)
  for (const error of thrown) {
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringMatching(message) })
  }
}

async function runs(client: OgentClient, agent_id: string): Promise<void> {
  expect(await client.execute({ agent_id, command: 'echo by proxy' })).toMatchObject({
    status: 'success',
    stdout: 'by proxy\n',
  })
}

describe('a proxy on the way to a controller with a certificate of its own', () => {
  test('carries the link of an agent, the SDK and the command line, whose names it resolves', async () => {
    await using proxy = await toSecured()
    const env = { HTTPS_PROXY: proxy.url }
    await using agent = await startAgentProcess(secured, 'behind', {
      CONTROLLER_URL: CONTROLLER,
      CONTROLLER_CA: file('ca.pem'),
      ...env,
    })
    // The agent's login and its link.
    expect(proxy.asked.map(({ end, status }) => ({ end, status }))).toEqual([
      { end: 'controller.example:443', status: 200 },
      { end: 'controller.example:443', status: 200 },
    ])
    vi.stubEnv('HTTPS_PROXY', proxy.url)
    const { username, password } = accounts.operator
    const client = createOgentClient({ url: CONTROLLER, username, password, ca })
    await runs(client, 'behind')
    const { command_id } = await client.execute({ agent_id: 'behind', command: 'echo recorded' })
    expect(await text(client.commands.recording(command_id))).toContain('recorded')
    await expect(text(client.commands.recording('none'))).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
    await client.close()
    const before = proxy.asked.length
    const args = ['run', 'behind', '--', 'echo by the command line']
    const cli = { env: { ...env, OGENT_URL: CONTROLLER, OGENT_CA: file('ca.pem') } }
    expect(await ogent(secured, args, cli)).toMatchObject({ code: 0, stdout: 'by the command line\n' })
    expect(proxy.asked.length).toBe(before + 2)
    expect(proxy.forwards).toBe(0)
    await agent.stop()
    await proxy.until(() => proxy.open === 0)
  })

  test('carries the SDK by its option where the environment names another, or none', async () => {
    await using proxy = await toSecured({ credentials: 'ada:hush%/' })
    await using other = await toSecured()
    vi.stubEnv('HTTPS_PROXY', other.url)
    const credentials = proxy.url.replace('//', '//ada:hush%25%2F@')
    for (const way of ways()) {
      const client = createOgentClient({ url: CONTROLLER, ca, proxy: credentials, ...way })
      expect(await client.me()).toMatchObject({ role: 'operator' })
      await client.close()
    }
    // A login is by HTTP, and each has its socket.
    expect(proxy.asked.map(({ status }) => status)).toEqual([200, 200, 200])
    const url = `https://localhost:${port(secured)}`
    const direct = createOgentClient({ url, ca, proxy: false, token })
    expect(await direct.me()).toMatchObject({ role: 'operator' })
    await direct.close()
    expect(other.asked).toEqual([])
  })

  test('is named by its option in what its failure says, and its password is not', async () => {
    await using proxy = await toSecured({ credentials: 'ada:hush%/' })
    for (const way of ways()) {
      const client = createOgentClient({
        url: CONTROLLER,
        proxy: proxy.url.replace('//', '//ada:wrong@'),
        ...{ ca, connectTimeoutMs: 0, ...way },
      })
      const error = await client.me().catch((cause: unknown) => cause)
      expect(error).toMatchObject({
        code: 'CONNECTION_LOST',
        message: `The proxy ${proxy.url} refuses the user and the password in the option proxy (407): correct them.`,
      })
      await client.close()
    }
  })

  test('gets the user and the password of its variable, which no output has', async () => {
    await using proxy = await toSecured({ credentials: 'ada:hush%/' })
    const HTTPS_PROXY = proxy.url.replace('//', '//ada:hush%25%2F@')
    await using agent = await startAgentProcess(secured, 'known', {
      CONTROLLER_URL: CONTROLLER,
      CONTROLLER_CA: file('ca.pem'),
      LOG_LEVEL: 'trace',
      // What https-proxy-agent says of itself.
      DEBUG: '*',
      HTTPS_PROXY,
    })
    vi.stubEnv('https_proxy', HTTPS_PROXY)
    for (const way of ways()) {
      const client = createOgentClient({ url: CONTROLLER, ca, ...way })
      await runs(client, 'known')
      await client.close()
    }
    expect(proxy.asked.every(({ status }) => status === 200)).toBe(true)
    expect(agent.log).toContain('https-proxy-agent')
    expect(agent.log).not.toMatch(/hush|aHVzaC|YWRhO/)
  })

  test('does not stand in for the controller: its certificate is checked by the name and the authority', async () => {
    await using proxy = await toSecured()
    const env = { HTTPS_PROXY: proxy.url }
    await expectFailure(
      await failure('https://other.example', env),
      /^No connection to https:\/\/other\.example through the proxy .*altnames/,
    )
    // The certificate has the name localhost, and no address.
    await expectFailure(await failure(`https://127.0.0.1:${port(secured)}`, env), /altnames|not in the cert/)
    await expectFailure(await failure('https://[::1]', env), /altnames|not in the cert/)
    await expectFailure(await failure(CONTROLLER, env, {}), /certificate/)
  })

  test('carries TLS where the program has no stack traces', async () => {
    await using proxy = await toSecured()
    vi.stubEnv('HTTPS_PROXY', proxy.url)
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    const session = await Session.open({ url: CONTROLLER, token, ca }).finally(() => {
      Error.stackTraceLimit = stackTraceLimit
    })
    session.close()
    await session.closed
  })

  test('may itself speak TLS, with a certificate that Node.js trusts', async () => {
    const own = await certificatesFor(['localhost'])
    writeFileSync(file('proxy-ca.pem'), own.root.cert)
    await using proxy = await toSecured({ tls: { cert: own.host.cert, key: own.host.private } })
    const env = {
      OGENT_URL: CONTROLLER,
      OGENT_CA: file('ca.pem'),
      HTTPS_PROXY: proxy.url,
      NODE_EXTRA_CA_CERTS: file('proxy-ca.pem'),
    }
    expect(await ogent(secured, ['agents', '--json'], { env })).toMatchObject({ code: 0 })
    expect(proxy.asked.map(({ status }) => status)).toEqual([200, 200])
    await expectFailure(
      await failure(CONTROLLER, { HTTPS_PROXY: proxy.url }),
      /^The proxy https:\/\/localhost:\d+ cannot be reached \(.*certificate/,
    )
  })
})

test('a program without a proxy does not load what one takes', async () => {
  const loaded = async (env: Record<string, string>) => {
    const { username, password } = accounts.operator
    const options = JSON.stringify({ url: plain.url, username, password })
    const code = `
      import { createRequire } from 'node:module'
      const { createOgentClient } = await import('${repository}dist/client/index.js')
      const client = createOgentClient(${options})
      await client.me()
      await client.close()
      const names = Object.keys(createRequire('${repository}').cache).map((path) => path.split('/node_modules/')[1]?.split('/')[0])
      console.log([...new Set(names)].filter((name) => ['undici', 'debug'].includes(name)).sort().join())`
    return run(process.execPath, ['--input-type=module', '-e', code], { env })
  }
  await using proxy = await ConnectProxy.start()
  expect(await loaded({})).toMatchObject({ code: 0, stdout: '\n' })
  // https-proxy-agent is known by what it brings.
  expect(await loaded({ HTTP_PROXY: proxy.url })).toMatchObject({ code: 0, stdout: 'debug,undici\n' })
})

describe('an address that NO_PROXY has', () => {
  test.each([
    ['by its host', () => 'localhost'],
    ['by its host and port', () => `localhost:${port(secured)}`],
  ])('is reached directly: %s', async (_, list) => {
    const env = { HTTPS_PROXY: DEAD, NO_PROXY: list() }
    await using agent = await startAgentProcess(secured, 'direct', {
      CONTROLLER_URL: `https://localhost:${port(secured)}`,
      CONTROLLER_CA: file('ca.pem'),
      ...env,
    })
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    for (const way of ways()) {
      const client = createOgentClient({ url: `https://localhost:${port(secured)}`, ca, ...way })
      await runs(client, 'direct')
      await client.close()
    }
    const cli = { ...env, OGENT_URL: `https://localhost:${port(secured)}`, OGENT_CA: file('ca.pem') }
    expect(await ogent(secured, ['agents'], { env: cli })).toMatchObject({ code: 0 })
    await agent.stop()
  })

  test('is another one with another port', async () => {
    const env = { HTTPS_PROXY: DEAD, NO_PROXY: `localhost:${port(secured) - 1}` }
    await expectFailure(await failure(`https://localhost:${port(secured)}`, env), /^The proxy .* cannot be/)
  })
})

test('a controller without TLS, on the loopback interface too, is reached by HTTP_PROXY through a tunnel', async () => {
  await using proxy = await ConnectProxy.start()
  vi.stubEnv('http_proxy', proxy.url)
  await runs(plain.client(), 'agent-1')
  const end = new URL(plain.url).host
  expect(proxy.asked).toEqual(Array(2).fill({ end, status: 200, authorization: undefined }))
  expect(proxy.forwards).toBe(0)
})

describe('a proxy that does not connect', () => {
  const shown = 'http://127\\.0\\.0\\.1:\\d+'

  test.each([
    [407, '', 'asks for a user and a password \\(407\\): put them before its host in HTTPS_PROXY'],
    [407, 'ada:hush@', 'refuses the user and the password in HTTPS_PROXY \\(407\\)'],
    [403, 'ada:hush@', 'refuses to connect to controller\\.example:443 \\(403\\): .*NO_PROXY'],
    [502, '', 'cannot connect to controller\\.example:443 \\(502\\)'],
  ])('is named with what to do, and without its password: %s with %j', async (status, user, says) => {
    await using proxy = await toSecured()
    proxy.refusal = status
    const HTTPS_PROXY = proxy.url.replace('//', `//${user}`)
    const sentence = new RegExp(`^The proxy ${shown} ${says}`)
    const thrown = await failure(CONTROLLER, { HTTPS_PROXY })
    await expectFailure(thrown, sentence)
    expect(String(thrown)).not.toContain('hush')
    await proxy.until(() => proxy.open === 0)
  })

  test('is named where it cannot be reached, or is none', async () => {
    await expectFailure(
      await failure(CONTROLLER, { HTTPS_PROXY: DEAD }),
      /^The proxy http:\/\/127\.0\.0\.1:9 cannot be reached \(.*ECONNREFUSED.*\): check HTTPS_PROXY/,
    )
    await expectFailure(
      await failure(CONTROLLER, { https_proxy: 'socks5://ada:hush@proxy.example:1080' }),
      /^https_proxy takes the http:\/\/ or https:\/\/ address of a proxy, .* has "\*\*\*@proxy\.example:1080"/,
    )
  })

  test('makes the command line exit as without a controller, with the sentence and the variables', async () => {
    await using proxy = await toSecured()
    proxy.refusal = 403
    const ways: Record<string, string>[] = [{}, { OGENT_TOKEN: token }]
    for (const way of ways) {
      const env = { ...way, OGENT_URL: CONTROLLER, HTTPS_PROXY: proxy.url.replace('//', '//ada:hush@') }
      const { code, stdout, stderr } = await ogent(secured, ['agents'], { env })
      expect({ code, stdout }).toEqual({ code: 69, stdout: '' })
      expect(stderr).toMatch(/^ogent: The proxy http:\/\/127\.0\.0\.1:\d+ refuses to connect .*\n.*NO_PROXY/)
      expect(stderr).not.toContain('hush')
    }
  })

  test('is tried again by an agent, until it does', async () => {
    await using proxy = await toSecured()
    proxy.refusal = 403
    proxy.onChange = () => {
      if (proxy.asked.length >= 3) proxy.refusal = undefined
    }
    await using agent = await startAgentProcess(secured, 'patient', {
      CONTROLLER_URL: CONTROLLER,
      CONTROLLER_CA: file('ca.pem'),
      HTTPS_PROXY: proxy.url,
      RECONNECT_DELAY: '0.05',
    })
    expect(proxy.asked.map(({ status }) => status)).toEqual([403, 403, 403, 200, 200])
    expect(agent.log).toMatch(/The proxy .* \(403\)/)
    expect(agent.log).toContain('"code":"CONNECTION_LOST"')
  })

  test('is left when it does not answer in time', async () => {
    await using proxy = await toSecured()
    proxy.silent = true
    vi.stubEnv('HTTPS_PROXY', proxy.url)
    const opening = Session.open({ url: CONTROLLER, token, ca, connectTimeoutMs: 300 })
    await expect(opening).rejects.toThrow(/^The proxy .* cannot be reached \(no answer in 0\.3 s\)/)
    await proxy.until(() => proxy.open === 0)
    const stop = new AbortController()
    const stopped = Session.open({ url: CONTROLLER, token, ca, signal: stop.signal })
    await proxy.until(() => proxy.asked.length === 2)
    stop.abort(new Error('enough'))
    await expect(stopped).rejects.toThrow('enough')
    await proxy.until(() => proxy.open === 0)
  })
})

test('ogent demo talks to its own machine, not to a proxy', async () => {
  using place = temporaryFolder()
  // Also one of a file, which each of its roles reads for itself.
  writeFileSync(join(place.path, '.env'), `HTTP_PROXY=${DEAD}\n`)
  const main = join(repository, 'dist/cli/main.js')
  const env = { http_proxy: DEAD, no_proxy: 'other.example' }
  const { code, stderr } = await run(process.execPath, [main, 'demo'], { cwd: place.path, env })
  expect(code, stderr).toBe(0)
})
