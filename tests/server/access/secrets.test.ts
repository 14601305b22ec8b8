import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keptDeploymentId, keptSecretKey } from '../../../src/server/access/secrets.js'
import { createController } from '../../../src/server/app.js'
import { temporaryFolder } from '../../support/folder.js'
import { silent } from '../../support/system.js'

describe.each([
  ['secret-key', keptSecretKey, 64],
  ['deployment-id', keptDeploymentId, 22],
] as const)('the %s of a data folder', (name, kept, length) => {
  test('is created once, complete, for its user alone, and stays the same', () => {
    using folder = temporaryFolder()
    const made = kept(folder.path)
    expect(made).toHaveLength(length)
    expect(kept(folder.path)).toBe(made)
    expect(readdirSync(folder.path)).toEqual([name])
    expect(statSync(join(folder.path, name)).mode & 0o777).toBe(0o600)
  })

  test.each(['', '\n', ' \n'])('is created again when an interrupted write left it empty: %j', (left) => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, name), left)
    const made = kept(folder.path)
    expect(made).toHaveLength(length)
    expect(readFileSync(join(folder.path, name), 'utf8')).toBe(`${made}\n`)
  })

  test('is refused, with what to do, when it is cut off', () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, name), 'abc')
    expect(() => kept(folder.path)).toThrow(/ is cut off: it has 3 characters\. .*backup, or remove it/)
    expect(readFileSync(join(folder.path, name), 'utf8')).toBe('abc')
  })

  test('is not taken from a file that an interrupted write left behind', () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, `${name}.new`), 'abc')
    expect(kept(folder.path)).toHaveLength(length)
    expect(readdirSync(folder.path)).toEqual([name])
  })
})

test('a controller accepts logins when its key file was left empty', async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'secret-key'), '', { mode: 0o600 })
  const settings = { PORT: 0, DATA_DIR: folder.path, ADMIN_PASSWORD: 'a-password-of-its-own' }
  const controller = await createController({ settings, log: silent })
  try {
    const body = new URLSearchParams({ username: 'admin', password: settings.ADMIN_PASSWORD })
    expect((await fetch(`${controller.url}/token`, { method: 'POST', body })).status).toBe(200)
  } finally {
    await controller.close()
  }
})
