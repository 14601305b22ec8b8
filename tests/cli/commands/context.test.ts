import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { configOf, jsonLines, type OgentOptions, ogent } from '../../support/ogent.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let one: System
let two: System
beforeAll(async () => {
  one = await startSystem()
  two = await startSystem({ agent: false })
  await two.addAgent('other-1')
})
afterAll(async () => {
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
})
beforeEach(() => rmSync(folder(), { recursive: true, force: true }))

const folder = () => join(configOf(one), 'ogent')
const file = (name: string) => join(folder(), name)
/** Without an address and a name in the environment. */
const bare = (args: string[], options: OgentOptions = {}) =>
  ogent(one, args, { as: 'nobody', ...options, env: { OGENT_URL: '', ...options.env } })
const login = (args: string[], who: 'operator' | 'viewer' = 'operator') =>
  bare(['login', '--password-stdin', '--username', accounts[who].username, ...args], {
    stdin: accounts[who].password,
  })
const agents = async (...args: string[]) => {
  const { code, stdout, stderr } = await bare(['agents', '-o', 'name', ...args])
  return code === 0 ? stdout.trim() : stderr
}

async function addBoth(): Promise<void> {
  expect((await bare(['context', 'add', 'one', '--url', one.url])).stdout).toBe(
    `one is ${one.url}. It is in use.\n`,
  )
  expect((await bare(['context', 'add', 'two', '--url', two.url])).stdout).toContain('ogent context use two')
}

describe('ogent context', () => {
  test('names several controllers, each with its login, and says which is meant', async () => {
    await addBoth()
    expect((await login([])).code).toBe(0)
    expect((await login(['--controller', 'two'])).code).toBe(0)
    expect(await agents()).toBe('agent-1')
    expect(await agents('--controller', 'two')).toBe('other-1')
    expect((await bare(['context', 'use', 'two'])).stdout).toBe(`two is in use: ${two.url}\n`)
    expect(await agents()).toBe('other-1')
    expect((await bare(['--controller', 'one', 'agents', '-o', 'name'])).stdout).toBe('agent-1\n')
    // An address in the environment says more than what was once chosen.
    const named = await bare(['whoami', '--json'], { as: 'viewer', env: { OGENT_URL: one.url } })
    expect(jsonLines(named.stdout)).toMatchObject([{ username: 'victor', url: one.url, context: null }])
    const { stdout } = await bare(['context', 'list'])
    expect(stdout).toMatch(
      /^IN USE +NAME +CONTROLLER +USER +LOGIN\n +one +\S+ +olga +until .*\n\* +two +\S+ +olga +until .*\n$/,
    )
    for (const name of ['login.json', 'contexts.json']) expect(statSync(file(name)).mode & 0o777).toBe(0o600)
  }, 120_000)

  test('keeps the logins of two accounts at one controller apart', async () => {
    await bare(['context', 'add', 'reader', '--url', one.url, '--username', accounts.viewer.username])
    await bare(['context', 'add', 'writer', '--url', one.url, '--username', accounts.operator.username])
    await login(['--controller', 'reader'], 'viewer')
    await login(['--controller', 'writer'])
    const who = async (name: string) =>
      jsonLines((await bare(['whoami', '--json', '--controller', name])).stdout)
    expect(await who('reader')).toMatchObject([{ username: 'victor', role: 'viewer', context: 'reader' }])
    expect(await who('writer')).toMatchObject([{ username: 'olga', role: 'operator', context: 'writer' }])
    await bare(['logout', '--controller', 'reader'])
    expect(await agents('--controller', 'reader')).toContain('No login is saved')
    expect(await agents('--controller', 'writer')).toBe('agent-1')
  }, 120_000)

  test('uses the login for its address where it has none of its own', async () => {
    await login(['--url', one.url])
    await bare(['context', 'add', 'one', '--url', one.url])
    expect(await agents('--controller', 'one')).toBe('agent-1')
  })

  test('shows a token to no other address after its own was changed', async () => {
    await bare(['context', 'add', 'one', '--url', one.url])
    await login(['--controller', 'one'])
    await bare(['context', 'add', 'one', '--url', two.url])
    expect(await agents('--controller', 'one')).toContain(`No login is saved for ${two.url}`)
    expect(readFileSync(file('contexts.json'), 'utf8')).not.toContain(one.url)
  })

  test('is no longer in use after a login at another address', async () => {
    await addBoth()
    const { stderr } = await login(['--url', two.url])
    expect(stderr).toContain('the context one is no longer in use')
    expect(await agents()).toBe('other-1')
  })

  test('removes a context with its login', async () => {
    await addBoth()
    await login(['--controller', 'one'])
    expect(await bare(['context', 'remove', 'one', 'two'])).toMatchObject({
      code: 0,
      stdout: 'one is removed.\ntwo is removed.\n',
    })
    expect(await agents('--controller', 'one')).toContain('there is no context one')
    expect(jsonLines((await bare(['context', 'list', '--json'])).stdout)).toEqual([])
  })

  test('refuses what cannot be meant', async () => {
    await addBoth()
    for (const [args, sentence] of [
      [['agents', '--controller', 'tow'], 'there is no context tow; there is one, two'],
      [['agents', '--controller', 'one', '--url', two.url], '--url and --controller each name a controller'],
      [['context', 'use', 'three'], 'there is no context three'],
      [['context', 'remove', 'one', 'three'], 'there is no context three'],
      [['context', 'add', 'a b', '--url', one.url], 'the name of a context takes'],
      [['context', 'add', 'three'], 'ogent context add three --url URL'],
      [['context', 'add', 'three', '--url', 'host:1'], 'is not the address of a controller'],
      [['context', 'add', 'three', '--url', one.url, '--password-command', 'true'], 'goes with --username'],
      [['context', 'lst'], 'did you mean list?'],
      [['context'], 'which one? See: ogent context --help'],
    ] as const) {
      const { code, stdout, stderr } = await bare([...args])
      expect({ code, stdout }, args.join(' ')).toEqual({ code: 64, stdout: '' })
      expect(stderr).toContain(sentence)
    }
    expect((await bare(['context', 'list'])).stdout).toContain('one')
  }, 120_000)

  test('is refused where its file is open to others or damaged', async () => {
    await addBoth()
    writeFileSync(file('contexts.json'), '{')
    expect(await bare(['agents'])).toMatchObject({ code: 77, stderr: expect.stringContaining('is damaged') })
  })
})

describe('a password command', () => {
  const add = (command: string) =>
    bare(['context', 'add', 'one', '--url', one.url, '--username', 'olga', '--password-command', command])

  test('renews a login that has ended, and no password is kept', async () => {
    const marks = join(one.folder, 'asked')
    await add(`echo x >> ${marks}; echo ${accounts.operator.password}; echo second line`)
    expect(await agents()).toBe('agent-1')
    expect(await agents()).toBe('agent-1')
    expect(readFileSync(marks, 'utf8')).toBe('x\n')
    const saved = readFileSync(file('login.json'), 'utf8')
    expect(saved).not.toContain(accounts.operator.password)
    writeFileSync(
      file('login.json'),
      saved.replace(/"expires_at": "[^"]+"/, '"expires_at": "2020-01-01T00:00:00Z"'),
    )
    expect(await agents()).toBe('agent-1')
    expect(readFileSync(marks, 'utf8')).toBe('x\nx\n')
    expect((await bare(['context', 'list'])).stdout).toMatch(/olga +until /)
  })

  test('that gives none is reported with its end', async () => {
    for (const [command, why] of [
      ['exit 3', 'exit code 3'],
      ['true', 'it printed nothing'],
      ['kill -9 $$', 'SIGKILL'],
    ] as const) {
      await add(command)
      const { code, stderr } = await bare(['agents'])
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringContaining(`gave no password (${why})`),
      })
    }
    await add('echo wrong')
    expect((await bare(['agents'])).code).toBe(77)
  })
})

describe('ogent whoami', () => {
  test('says which controller is asked, as whom, and by what', async () => {
    const { username, password } = accounts.viewer
    const byPassword = await ogent(one, ['whoami'], { as: 'viewer' })
    expect(byPassword.stdout).toBe(
      `user:        ${username}\nrole:        viewer\ncontroller:  ${one.url} (OGENT_URL)\nlogin:       OGENT_PASSWORD\n`,
    )
    const token = await one.token('viewer')
    const byToken = await bare(['whoami', '--json', '--url', one.url], { env: { OGENT_TOKEN: token } })
    expect(jsonLines(byToken.stdout)).toEqual([
      {
        username,
        role: 'viewer',
        roles: ['viewer'],
        via: 'password',
        url: one.url,
        context: null,
        by: 'OGENT_TOKEN',
        expires_at: expect.stringMatching(/Z$/),
      },
    ])
    await login(['--url', one.url])
    expect((await bare(['whoami'])).stdout).toMatch(
      /\(the last login\)\nlogin: +ogent login, until \d{4}-.*Z\n$/,
    )
    expect(byToken.stdout + byPassword.stdout).not.toContain(password)
    expect((await ogent(two, ['whoami'], { as: 'nobody' })).code).toBe(77)
  })
})
