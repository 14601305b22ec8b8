import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createController } from '../../../src/server/app.js'
import { temporaryFolder } from '../../support/folder.js'
import { run } from '../../support/program.js'
import { repository } from '../../support/samples.js'
import { silent } from '../../support/system.js'

const main = join(repository, 'dist/cli/main.js')

/** `ogent users …` on a data folder of its own. */
function users(folder: string, args: string[], env: Record<string, string> = {}) {
  return run(process.execPath, [main, 'users', ...args], {
    cwd: folder,
    env: { DATA_DIR: join(folder, 'data'), ...env },
  })
}

const kept = (folder: string) =>
  existsSync(join(folder, 'data/users.json')) ? readFileSync(join(folder, 'data/users.json'), 'utf8') : ''

test.each(['', ' ann', 'x\ny', 'a\u001b[2Jb', 'a\u009bb', 'a\u202eb', 'x'.repeat(65)])(
  'ogent users add refuses a name that no list can show: %j',
  async (name) => {
    using folder = temporaryFolder()
    const { code, stderr } = await users(folder.path, ['add', name])
    expect(code).toBe(64)
    expect(stderr).toContain('ogent: A username takes 1 to 64 letters, without control characters')
    expect(kept(folder.path)).toBe('')
  },
)

test('ogent users add refuses the account that ADMIN_PASSWORD sets, and changes nothing', async () => {
  using folder = temporaryFolder()
  const env = { ADMIN_PASSWORD: 'the-one-in-force', OGENT_NEW_PASSWORD: 'another-one-of-it' }
  for (const [args, more] of [
    [['add', 'admin'], {}],
    [['add', 'root'], { ADMIN_USERNAME: 'root' }],
    [['remove', 'admin'], {}],
  ] as const) {
    const { code, stdout, stderr } = await users(folder.path, [...args], { ...env, ...more })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/ is set by ADMIN_PASSWORD: to (add|remove) it here would change nothing\.\n {2}/)
  }
  expect(kept(folder.path)).toBe('')
  expect(await users(folder.path, ['add', 'ann'], env)).toMatchObject({ code: 0 })
})

test('ogent users add warns, for the name of the admin, that ADMIN_PASSWORD would take precedence', async () => {
  using folder = temporaryFolder()
  const { code, stderr } = await users(folder.path, ['add', 'admin', '--role', 'admin'])
  expect(code).toBe(0)
  expect(stderr).toContain('a controller that has ADMIN_PASSWORD in its settings takes that one')
})

test('a controller warns when its ADMIN_PASSWORD overrides a stored account', async () => {
  using folder = temporaryFolder()
  const DATA_DIR = join(folder.path, 'data')
  await users(folder.path, ['add', 'admin', '--role', 'viewer'])
  const warned: string[] = []
  const log = {
    ...silent,
    debug() {},
    info() {},
    error() {},
    warn: (_: object, said: string) => void warned.push(said),
  }
  const settings = { PORT: 0, DATA_DIR, ADMIN_PASSWORD: 'the-one-in-force' }
  await (await createController({ settings, log })).close()
  expect(warned).toEqual([expect.stringContaining('is set by ADMIN_PASSWORD')])
})

test('ogent users add refuses, in production, a password of the documentation and a short one for a person', async () => {
  using folder = temporaryFolder()
  const add = (OGENT_NEW_PASSWORD: string, role: string) =>
    users(folder.path, ['add', 'ann', '--role', role], { NODE_ENV: 'production', OGENT_NEW_PASSWORD })
  for (const [password, role, says] of [
    ['choose-another', 'agent', 'is a sample value'],
    ['elevenchars', 'operator', 'has fewer than 12 letters'],
  ] as const) {
    const { code, stderr } = await add(password, role)
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining(says) })
    expect(stderr).not.toContain(password)
  }
  expect(kept(folder.path)).toBe('')
  expect((await add('elevenchars', 'agent')).code).toBe(0)
  expect((await add('twelve-chars', 'operator')).code).toBe(0)
})
