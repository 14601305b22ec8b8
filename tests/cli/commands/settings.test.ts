import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { agentSchema } from '../../../src/agent/config.js'
import { controllerSchema } from '../../../src/server/config.js'
import { temporaryFolder } from '../../support/folder.js'
import { run } from '../../support/program.js'
import { Role } from '../../support/roles.js'
import { readRepository, repository } from '../../support/samples.js'

const main = join(repository, 'dist/cli/main.js')
vi.setConfig({ testTimeout: 300_000 })

const ogent = (args: string[], env: Record<string, string> = {}, cwd?: string) =>
  run(process.execPath, [main, ...args], { env: { LOG_LEVEL: 'silent', ...env }, ...(cwd ? { cwd } : {}) })

/** The line above each setting in .env.example. */
const shown = new Map(
  [...readRepository('.env.example').matchAll(/^# (.*)\n#([A-Z_]+)=/gm)].map(([, says = '', name = '']) => [
    name,
    says,
  ]),
)

describe.each([
  ['controller', controllerSchema.shape],
  ['agent', agentSchema.shape],
] as const)('ogent %s --help', (role, shape) => {
  test('lists every setting as an option, and secrets as files alone', async () => {
    const { code, stdout } = await ogent([role, '--help'], { COLUMNS: '80' })
    expect(code).toBe(0)
    for (const [name, { description }] of Object.entries(shape)) {
      if (description === undefined) continue
      const flag = `--${name.toLowerCase().replaceAll('_', '-')}`
      const secret = /SECRET|PASSWORD$|PASSPHRASE|API_KEY|METRICS_TOKEN|JOIN_TOKEN|ORDER_KEY$|REDIS_URL/.test(
        name,
      )
      expect(stdout, name).toMatch(new RegExp(`\\n {2}${flag}${secret ? '-file <file>' : ' [<[]'}`))
      if (secret) expect(stdout, name).not.toMatch(new RegExp(`\\n {2}${flag} `))
    }
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  test('says of each what .env.example says', () => {
    for (const [name, { description }] of Object.entries(shape)) {
      if (description === undefined) continue
      // There, what both roles read is said once.
      expect(shown.get(name)?.replace(/; agents read it as well\.$/, '.'), name).toBe(description)
    }
  })
})

describe('a setting as an option', () => {
  test('counts before the environment, which counts before .env', async () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, '.env'), 'PORT=1\nDATA_DIR=dotenv\nADMIN_USERNAME=root-of-env\n')
    const args = ['controller', '--port=0', '--data-dir', 'given', '--allow-plaintext']
    const env = { PORT: '2', DATA_DIR: 'environment', ADMIN_PASSWORD: 'a-password-of-the-test' }
    await using controller = Role.typed(args, env, folder.path)
    const [, url = ''] = await controller.says(/^Ogent controller on (\S+)/)
    expect(new URL(url).port).not.toMatch(/^[12]$/)
    expect(statSync(join(folder.path, 'given')).isDirectory()).toBe(true)
    const body = new URLSearchParams({ username: 'root-of-env', password: env.ADMIN_PASSWORD })
    expect((await fetch(`${url}/token`, { method: 'POST', body })).status).toBe(200)
  })

  test('for a secret names a file', async () => {
    using folder = temporaryFolder()
    const password = 'a-password-in-a-file'
    const file = join(folder.path, 'password')
    writeFileSync(file, `${password}\n`, { mode: 0o600 })
    const args = ['controller', '--port', '0', '--admin-password-file', file]
    await using controller = Role.typed(args, {}, folder.path)
    const [, url = ''] = await controller.says(/^Ogent controller on (\S+)/)
    const body = new URLSearchParams({ username: 'admin', password })
    expect((await fetch(`${url}/token`, { method: 'POST', body })).status).toBe(200)
  })

  test.each([
    [
      ['controller', '--secret-key', 'hunter2hunter2'],
      'set SECRET_KEY, or name a file with it (--secret-key-file)',
    ],
    [['controller', '--redis-url=redis://:hunter2@h'], '--redis-url-file'],
    [['controller', '--admin-password'], '--admin-password-file'],
    [['agent', '--agent-password=hunter2'], '--agent-password-file'],
    [['agent', '--ssh-key-passphrase', 'hunter2'], '--ssh-key-passphrase-file'],
  ])('is refused in %j, where others could read the secret', async (args, sentence) => {
    const { code, stdout, stderr } = await ogent(args)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('hunter2')
  })

  test.each([
    [['controller', '--port', 'many'], 'PORT: got "many", takes a whole number from 0 to 65535'],
    [
      ['controller', '--prt', '1'],
      "unknown option '--prt': did you mean --port? See: ogent controller --help",
    ],
    [['controller', '--allow-plaintext', 'maybe'], 'ALLOW_PLAINTEXT: got "maybe", takes true or false'],
    [['agent', '--agent-id'], "option '--agent-id <value>' argument missing"],
    [['agent', '--port', '1'], "unknown option '--port'"],
    [['agent', '--agent-username', 'a', '--agent-password-file', '/nonexistent'], 'AGENT_PASSWORD_FILE'],
  ])('that is wrong in %j stops the start', async (args, sentence) => {
    using folder = temporaryFolder()
    mkdirSync(join(folder.path, 'empty'))
    const { code, stdout, stderr } = await ogent(args, {}, join(folder.path, 'empty'))
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toContain(sentence)
  })
})
