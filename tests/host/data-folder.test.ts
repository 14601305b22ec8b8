import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BackgroundProgram } from '../support/background.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'

const main = join(repository, 'dist/cli/main.js')

/** Where an account is kept by `ogent users add` with this environment. */
async function folderOf(cwd: string, env: Record<string, string>): Promise<string | undefined> {
  const { code, stdout, stderr } = await run(process.execPath, [main, 'users', 'add', 'ann'], {
    cwd,
    env: { OGENT_NEW_PASSWORD: 'a-password-of-its-own', ...env },
  })
  expect(code, stderr).toBe(0)
  const [, folder] = stdout.match(/^ann has the role viewer, in (.*)\.$/m) ?? []
  return folder
}

describe('the data of a controller', () => {
  test("is in the user's folder for state, from whichever folder it is started", async () => {
    using home = temporaryFolder()
    using cwd = temporaryFolder()
    const HOME = home.path
    expect(await folderOf(cwd.path, { HOME })).toBe(join(HOME, '.local/state/ogent'))
    expect(await folderOf('/', { HOME })).toBe(join(HOME, '.local/state/ogent'))
    const XDG_STATE_HOME = join(HOME, 'state')
    expect(await folderOf(cwd.path, { HOME, XDG_STATE_HOME })).toBe(join(XDG_STATE_HOME, 'ogent'))
    expect(await folderOf(cwd.path, { HOME, XDG_STATE_HOME: 'relative' })).toBe(
      join(HOME, '.local/state/ogent'),
    )
  })

  test('is where DATA_DIR says, in which ~ is the home folder', async () => {
    using home = temporaryFolder()
    using cwd = temporaryFolder()
    mkdirSync(join(cwd.path, '.ogent'))
    expect(await folderOf(cwd.path, { HOME: home.path, DATA_DIR: '~/data' })).toBe(join(home.path, 'data'))
    expect(await folderOf(cwd.path, { HOME: home.path, DATA_DIR: 'data' })).toBe(join(cwd.path, 'data'))
  })

  test('stays in the .ogent of the folder where that is there already, and the log names it', async () => {
    using home = temporaryFolder()
    using cwd = temporaryFolder()
    const before = join(cwd.path, '.ogent')
    mkdirSync(before)
    const HOME = home.path
    expect(await folderOf(cwd.path, { HOME })).toBe(before)
    const env = { HOME, PORT: '0' }
    await using controller = new BackgroundProgram(process.execPath, [main, 'controller'], {
      cwd: cwd.path,
      env,
    })
    expect(await controller.line(/"data_dir":"([^"]+)"/)).toBe(before)
    await controller.line(/^(Ogent controller on .*)$/)
    expect(existsSync(join(before, 'journal'))).toBe(true)
    expect(existsSync(join(HOME, '.local'))).toBe(false)
  })
})
