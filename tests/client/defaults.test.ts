import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { defaults as inBrowsers } from '../../src/client/defaults-browser.js'
import { OgentError } from '../../src/shared/errors.js'
import { temporaryFolder } from '../support/folder.js'
import { ogent } from '../support/ogent.js'
import { accounts, type System, startSystem } from '../support/system.js'

const SECRET_KEY = 'the-key-of-the-controller-of-this-test'
const { username, password } = accounts.operator

let system: System
let folder: ReturnType<typeof temporaryFolder>
beforeAll(async () => {
  system = await startSystem({ agent: false, controller: { SECRET_KEY } })
})
afterAll(() => system?.[Symbol.asyncDispose]())
beforeEach(() => {
  folder = temporaryFolder()
  for (const name of ['URL', 'TOKEN', 'USERNAME', 'PASSWORD', 'CA']) vi.stubEnv(`OGENT_${name}`, undefined)
  vi.stubEnv('XDG_CONFIG_HOME', folder.path)
})
afterEach(() => {
  vi.unstubAllEnvs()
  folder[Symbol.dispose]()
})

async function nameOf(client: OgentClient): Promise<string> {
  await using closed = client
  return (await closed.me()).username
}

function refusal(options?: Parameters<typeof createOgentClient>[0]): OgentError {
  try {
    createOgentClient(options)
  } catch (error) {
    if (error instanceof OgentError) return error
  }
  throw new Error('A client was made.')
}

/** As `ogent login` keeps it. */
function save(login: { username: string; token: string; expires_at: string }): string {
  mkdirSync(join(folder.path, 'ogent'), { mode: 0o700 })
  const file = join(folder.path, 'ogent', 'login.json')
  writeFileSync(file, JSON.stringify({ current: system.url, logins: { [system.url]: login } }), {
    mode: 0o600,
  })
  return file
}

async function login(lifeSeconds = 3600) {
  return {
    username,
    token: await system.token('operator'),
    expires_at: new Date(Date.now() + lifeSeconds * 1000).toISOString(),
  }
}

describe('a client without options on Node.js', () => {
  test('uses a name and a password of the environment, or its token before them', async () => {
    vi.stubEnv('OGENT_URL', system.url)
    vi.stubEnv('OGENT_USERNAME', username)
    vi.stubEnv('OGENT_PASSWORD', password)
    expect(await nameOf(createOgentClient())).toBe(username)
    vi.stubEnv('OGENT_TOKEN', await system.token('viewer'))
    expect(await nameOf(createOgentClient())).toBe(accounts.viewer.username)
  })

  test('uses the address and the login that ogent login keeps, with all that was put there meanwhile', async () => {
    // The CLI writes it, and the SDK reads it.
    const said = await ogent(system, ['login', '--username', username, '--password-stdin'], {
      as: 'nobody',
      stdin: password,
      env: { XDG_CONFIG_HOME: folder.path },
    })
    expect(said.code, said.stderr).toBe(0)
    expect(await nameOf(createOgentClient())).toBe(username)
    expect(await nameOf(createOgentClient({ url: system.url }))).toBe(username)
    // A token is shown to no other controller.
    expect(refusal({ url: 'http://127.0.0.1:9' }).message).toContain('No login for http://127.0.0.1:9.')
    vi.stubEnv('OGENT_USERNAME', 'another')
    expect(refusal().message).toContain('No login for ')
  })

  test('is for the context in use, with the login of that context, as the CLI is', async () => {
    const cli = (args: string[], stdin?: string) =>
      ogent(system, args, {
        as: 'nobody',
        env: { OGENT_URL: '', XDG_CONFIG_HOME: folder.path },
        ...(stdin === undefined ? {} : { stdin }),
      })
    const before = await cli(
      ['login', '--url', system.url, '--username', 'victor', '--password-stdin'],
      accounts.viewer.password,
    )
    expect(before.code, before.stderr).toBe(0)
    expect((await cli(['context', 'add', 'here', '--url', system.url, '--username', username])).code).toBe(0)
    // Nobody has logged in for this context, and the login at its address is another account's.
    expect(refusal().message).toContain('No login for ')
    const said = await cli(['login', '--password-stdin'], password)
    expect(said.code, said.stderr).toBe(0)
    expect(await nameOf(createOgentClient())).toBe(username)
    vi.stubEnv('OGENT_USERNAME', 'victor')
    expect(await nameOf(createOgentClient())).toBe('victor')
  })

  test('says at a call that the saved login has ended, and uses the one that follows', async () => {
    const file = save(await login(-1))
    const client = createOgentClient()
    const ended = {
      code: 'UNAUTHORIZED',
      message: expect.stringMatching(/^The login of olga at .* ended at .* Run: ogent login$/),
    }
    await expect(client.me()).rejects.toMatchObject(ended)
    writeFileSync(file, JSON.stringify({ current: system.url, logins: { [system.url]: await login() } }))
    expect(await nameOf(client)).toBe(username)
  })

  test('says in one sentence that there is no login, and what to do', () => {
    const error = refusal()
    expect(error).toMatchObject({ code: 'VALIDATION_FAILED', issues: [{ loc: ['username'] }] })
    expect(error.message).toBe(
      'No login for http://localhost:8001. Give createOgentClient a token, or username and password, set OGENT_TOKEN, or OGENT_USERNAME and OGENT_PASSWORD, or run: ogent login',
    )
    vi.stubEnv('OGENT_USERNAME', username)
    expect(refusal({ url: system.url }).message).toContain(`No login for ${system.url}.`)
  })

  test('says what is wrong with the file of the login', async () => {
    const file = save(await login())
    chmodSync(file, 0o644)
    expect(refusal()).toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('Others can read'),
    })
    chmodSync(file, 0o600)
    for (const text of [
      '',
      '[]',
      '{"current":1,"logins":{}}',
      '{"current":"a","logins":{"a":{"token":1}}}',
    ]) {
      writeFileSync(file, text)
      expect(refusal(), text).toMatchObject({
        code: 'UNAUTHORIZED',
        message: expect.stringContaining('damaged'),
      })
    }
  })

  test('is not made with half of what its options should say', () => {
    vi.stubEnv('OGENT_PASSWORD', password)
    expect(refusal({ url: system.url, username } as never).issues?.[0]?.loc).toEqual(['password'])
    vi.stubEnv('OGENT_URL', 'localhost:8001')
    expect(refusal({ token: 'x' }).issues?.[0]?.loc).toEqual(['url'])
  })

  test('trusts the certificates of the file that OGENT_CA names', () => {
    vi.stubEnv('OGENT_CA', join(folder.path, 'missing.pem'))
    expect(refusal({ token: 'x' }).message).toContain('OGENT_CA: ')
    vi.stubEnv('OGENT_CA', join(folder.path, 'wrong.pem'))
    writeFileSync(join(folder.path, 'wrong.pem'), 'no certificate')
    expect(refusal({ token: 'x' }).issues?.[0]?.loc).toEqual(['ca'])
  })

  test('prefers what its options say', async () => {
    vi.stubEnv('OGENT_URL', 'http://127.0.0.1:9')
    vi.stubEnv(
      'OGENT_TOKEN',
      await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from('another')),
    )
    expect(await nameOf(createOgentClient({ url: system.url, username, password }))).toBe(username)
  })
})

test('a client in a browser is for the origin of its page, and takes its login from the options alone', () => {
  expect(inBrowsers.url()).toBeUndefined()
  vi.stubGlobal('location', { origin: 'https://ogent.example' })
  vi.stubEnv('OGENT_TOKEN', 'x')
  expect(inBrowsers.url()).toBe('https://ogent.example')
  expect([inBrowsers.credentials('https://ogent.example'), inBrowsers.ca()]).toEqual([undefined, undefined])
  vi.unstubAllGlobals()
})
