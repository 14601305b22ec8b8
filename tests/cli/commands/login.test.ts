import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { configOf, jsonLines, type OgentOptions, ogent } from '../../support/ogent.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const { username, password } = accounts.operator
const nobody = (args: string[], options: OgentOptions = {}) =>
  ogent(system, args, { as: 'nobody', ...options })
const login = () => nobody(['login', '--username', username, '--password-stdin'], { stdin: `${password}\n` })
const file = () => join(configOf(system), 'ogent', 'login.json')
const mode = (path: string) => statSync(path).mode & 0o777

describe('ogent login', () => {
  beforeEach(() => rmSync(file(), { force: true }))

  test('stores a token, readable for its user alone, and not the password', async () => {
    const { code, stdout } = await login()
    expect(code).toBe(0)
    expect(stdout).toContain(`${username} is logged in at ${system.url} until `)
    expect([mode(file()), mode(join(file(), '..'))]).toEqual([0o600, 0o700])
    expect(readFileSync(file(), 'utf8')).not.toContain(password)
  })

  test('is used by later calls, at its address alone', async () => {
    await login()
    expect(await nobody(['run', 'agent-1', '--', 'echo hi'])).toMatchObject({ code: 0, stdout: 'hi\n' })
    // The address is remembered too.
    expect(await nobody(['run', 'agent-1', '--', 'echo hi'], { env: { OGENT_URL: '' } })).toMatchObject({
      code: 0,
    })
    // And its token goes nowhere else.
    const elsewhere = await nobody(['agents'], { env: { OGENT_URL: 'http://127.0.0.1:1' } })
    expect(elsewhere).toMatchObject({ code: 77, stderr: expect.stringContaining('No login is saved for') })
  })

  test('takes name and password from the environment too, and prints JSON for programs', async () => {
    const { code, stdout } = await ogent(system, ['login', '--json'])
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toEqual([
      { url: system.url, username, expires_at: expect.any(String), file: file() },
    ])
  })

  test('that has expired is reported with the way to renew it', async () => {
    await login()
    const saved = readFileSync(file(), 'utf8').replace(
      /"expires_at": "[^"]+"/,
      '"expires_at": "2020-01-01T00:00:00Z"',
    )
    writeFileSync(file(), saved)
    const { code, stderr } = await nobody(['agents'])
    expect(code).toBe(77)
    expect(stderr).toMatch(/ended at 2020-01-01T00:00:00Z\.\n {2}Log in with: ogent login /)
  })

  test('that the controller no longer accepts is reported with the way to renew it', async () => {
    await login()
    writeFileSync(file(), readFileSync(file(), 'utf8').replace(/("token": "[^"]+)"/, '$1x"'))
    const { code, stderr } = await nobody(['agents'])
    expect({ code, stderr }).toEqual({ code: 77, stderr: expect.stringContaining('ogent login') })
  })

  test('is not used when other users could read its file', async () => {
    await login()
    chmodSync(file(), 0o644)
    expect(await nobody(['agents'])).toMatchObject({ code: 77, stderr: expect.stringContaining('chmod 600') })
  })

  test('that is damaged is reported', async () => {
    await login()
    writeFileSync(file(), '{"current"')
    expect(await nobody(['agents'])).toMatchObject({
      code: 77,
      stderr: expect.stringContaining('is damaged'),
    })
  })

  test('stores nothing when the password is wrong', async () => {
    const { code, stderr } = await nobody(['login', '--username', username, '--password-stdin'], {
      stdin: 'wrong',
    })
    expect({ code, stderr }).toEqual({ code: 77, stderr: expect.stringContaining('refused') })
    expect(existsSync(file())).toBe(false)
  })

  test('says what to pass when there is no terminal to ask at', async () => {
    expect(await nobody(['login'])).toMatchObject({ code: 64, stderr: expect.stringContaining('--username') })
    expect(await nobody(['login', '--username', 'x'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--password-stdin'),
    })
  })

  test('is removed by ogent logout', async () => {
    await login()
    expect(await nobody(['logout'])).toMatchObject({ code: 0, stdout: `Logged out of ${system.url}.\n` })
    expect(existsSync(file())).toBe(false)
    expect(await nobody(['agents'])).toMatchObject({
      code: 77,
      stderr: expect.stringMatching(/No login is saved for .*\n.*ogent login.*OGENT_USERNAME/),
    })
  })
})

test('OGENT_TOKEN takes precedence over a name in the environment, and a name on the command line over both', async () => {
  const token = await system.token('viewer')
  const as = (args: string[]) =>
    ogent(system, ['run', ...args, 'agent-1', '--', 'true'], { env: { OGENT_TOKEN: token } })
  expect(await as([])).toMatchObject({ code: 77, stderr: expect.stringMatching(/takes the role operator/) })
  expect((await as(['--username', username])).code).toBe(0)
})

test('ogent login warns when a password would go unencrypted to another machine', async () => {
  const login = (url: string) => ogent(system, ['login', '--url', url])
  expect((await login('http://ogent.invalid')).stderr).toMatch(/^ogent: warning: .* is not encrypted/)
  expect((await login('https://ogent.invalid')).stderr).not.toContain('warning')
  expect((await ogent(system, ['login'])).stderr).toBe('')
})

test('an invalid address is a usage error', async () => {
  for (const url of ['nonsense', 'ftp://host', 'host:8001']) {
    expect((await nobody(['agents', '--url', url])).code, url).toBe(64)
  }
})
