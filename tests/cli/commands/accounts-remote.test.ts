import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { User } from '../../../src/shared/access/users.js'
import { ask, logIn, tokenOf } from '../../support/accounts.js'
import { until } from '../../support/processes.js'
import { run } from '../../support/program.js'
import { repository } from '../../support/samples.js'
import { accounts, type System, startSystem } from '../../support/system.js'

const main = join(repository, 'dist/cli/main.js')
const LONG = { timeout: 120_000 }

let system: System
let admin: string
beforeAll(async () => {
  system = await startSystem({ agent: false })
  admin = await tokenOf(system.url, 'admin', accounts.admin.password)
}, 60_000)
afterAll(() => system[Symbol.asyncDispose]())

/** `ogent …`, with the admin's token unless there is another one. */
function ogent(args: string[], env: Record<string, string> = {}) {
  const home = { HOME: system.folder, XDG_CONFIG_HOME: join(system.folder, 'config') }
  return run(process.execPath, [main, ...args], {
    cwd: system.folder,
    env: { ...home, OGENT_URL: system.url, OGENT_TOKEN: admin, ...env },
  })
}

test('ogent users keeps the accounts of a running controller', LONG, async () => {
  const added = await ogent(['users', 'add', 'ann', '--role', 'operator', '--role', 'viewer'])
  expect(added).toMatchObject({ code: 0, stderr: '' })
  const password = /told only this once: (\S+)/.exec(added.stdout)?.[1] ?? ''
  expect((await logIn(system.url, 'ann', password)).status).toBe(200)
  expect((await ogent(['users', 'list'])).stdout).toMatch(/^ann +operator, viewer +user/m)
  expect((await ogent(['users', 'roles', 'ann', 'viewer'])).stdout).toContain('ann has the role viewer, at ')
  expect((await ogent(['users', 'lock', 'ann'])).stdout).toContain('ann is locked')
  expect((await logIn(system.url, 'ann', password)).status).toBe(401)
  expect((await ogent(['users', 'list'])).stdout).toMatch(/^ann +viewer +user +locked/m)
  await ogent(['users', 'unlock', 'ann'])
  const changed = await ogent(['users', 'password', 'ann'], {
    OGENT_TOKEN: '',
    ...asAdmin,
    OGENT_NEW_PASSWORD: 'a new one for ann',
  })
  expect(changed).toMatchObject({ code: 0, stdout: expect.not.stringContaining('a new one') })
  const token = await tokenOf(system.url, 'ann', 'a new one for ann')
  expect((await ogent(['users', 'sessions', 'ann'])).stdout).toMatch(/127\.0\.0\.1|::1/)
  expect((await ogent(['users', 'sessions', 'ann', '--end', 'all'])).code).toBe(0)
  expect((await ask(system.url, token, 'GET /users/me')).status).toBe(401)
  expect((await ogent(['users', 'remove', 'ann'])).stdout).toContain('has no account at ')
  const gone = await ogent(['users', 'lock', 'ann'])
  expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('There is no account ann.')])
})

const asAdmin = { OGENT_USERNAME: 'admin', OGENT_PASSWORD: accounts.admin.password }

test("one's own password takes the current one, from OGENT_PASSWORD", LONG, async () => {
  await ogent(['users', 'add', 'pat'], { OGENT_NEW_PASSWORD: 'the first of pat' })
  const as = { OGENT_TOKEN: '', OGENT_USERNAME: 'pat', OGENT_NEW_PASSWORD: 'the second of pat' }
  const done = await ogent(['users', 'password', 'pat'], { ...as, OGENT_PASSWORD: 'the first of pat' })
  expect(done).toMatchObject({ code: 0, stderr: '' })
  expect((await logIn(system.url, 'pat', 'the second of pat')).status).toBe(200)
})

test('the folder on this machine is kept without a login, or with --local', LONG, async () => {
  const env = { OGENT_URL: '', OGENT_TOKEN: '', DATA_DIR: join(system.folder, 'controller') }
  expect(await ogent(['users', 'add', 'lou'], env)).toMatchObject({ code: 0, stderr: '' })
  const shown = () => ask<User>(system.url, admin, 'GET /users/lou')
  await until('the controller knows it', async () => (await shown()).status === 200)
  expect((await shown()).body).toMatchObject({ roles: ['viewer'], temporary: false })
  const local = ['users', '--local']
  const DATA_DIR = env.DATA_DIR
  expect((await ogent([...local, 'roles', 'lou', 'operator'], { DATA_DIR })).code).toBe(0)
  expect((await ogent([...local, 'lock', 'lou'], { DATA_DIR })).stdout).toContain('lou is locked, in ')
  expect((await ogent([...local, 'list'], { DATA_DIR })).stdout).toMatch(/^lou +operator +locked/m)
  expect((await ogent([...local, 'password', 'lou'], { DATA_DIR })).stdout).toContain('told only this once')
  const both = await ogent([...local, 'list', '--url', system.url], { DATA_DIR })
  expect([both.code, both.stderr]).toEqual([64, expect.stringContaining('leave out --url')])
})

test('ogent tokens makes, lists and revokes API tokens, which OGENT_TOKEN takes', LONG, async () => {
  const made = await ogent(['tokens', 'create', 'ci', '--expires', '12h'])
  expect(made.code).toBe(0)
  const token = made.stdout.trim()
  expect(token).toMatch(/^ogt_\S+$/)
  const me = JSON.parse((await ogent(['whoami', '--json'], { OGENT_TOKEN: token })).stdout)
  expect(me).toMatchObject({ username: 'admin', roles: ['admin'], via: 'api_token' })
  const hours = (Date.parse(me.expires_at) - Date.now()) / 3_600_000
  expect(hours).toBeGreaterThan(11)
  expect(hours).toBeLessThanOrEqual(12)
  const id = token.split('_')[1] ?? ''
  expect((await ogent(['tokens', 'list'])).stdout).toContain(id)
  expect((await ogent(['tokens', 'revoke', id])).stdout).toContain('is revoked')
  expect((await ogent(['whoami'], { OGENT_TOKEN: token })).code).toBe(77)
})

test('--grant takes a short form, JSON and a file, and says what it refuses', LONG, async () => {
  const file = join(system.folder, 'grants.json')
  writeFileSync(file, JSON.stringify([{ actions: ['commands.view'], agents: 'all' }]))
  const grants = [
    'run.shell,commands.view on env=staging and not id=web-9: exact "echo \\"hi\\""',
    'run.shell on web-1: argv git pull',
    '{"actions":["agents.view"],"agents":"all"}',
    `@${file}`,
  ]
  const made = await ogent([
    'tokens',
    'create',
    'x',
    '--json',
    ...grants.flatMap((grant) => ['--grant', grant]),
  ])
  expect(made.stderr).toBe('')
  expect(JSON.parse(made.stdout).grants).toMatchObject([
    { actions: ['run.shell', 'commands.view'], commands: [{ exact: 'echo "hi"' }] },
    { commands: [{ argv: ['git', 'pull'] }] },
    { actions: ['agents.view'] },
    { actions: ['commands.view'] },
  ])
  for (const [grant, says] of [
    ['everything', 'ACTIONS on AGENTS'],
    ['fly on all', 'actions'],
    ['run.shell on fact.os=linux', 'assigned'],
    ['{', 'no JSON'],
    ['@/nowhere.json', 'cannot be read'],
  ] as const) {
    const { code, stderr } = await ogent(['tokens', 'create', 'x', '--grant', grant])
    expect([code, stderr], grant).toEqual([64, expect.stringContaining(says)])
  }
})
