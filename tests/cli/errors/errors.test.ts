import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, type OgentOptions, ogent } from '../../support/ogent.js'
import { processesOf, until } from '../../support/processes.js'
import { run } from '../../support/program.js'
import { repository } from '../../support/samples.js'
import { accounts, type System, startSystem } from '../../support/system.js'

const main = join(repository, 'dist/cli/main.js')

let plain: System
let secured: System
const file = (name: string) => join(plain.folder, name)
beforeAll(async () => {
  plain = await startSystem()
  const [own, other] = await Promise.all(['localhost', 'elsewhere'].map(selfSigned))
  for (const [name, pair] of [
    ['own', own],
    ['other', other],
  ] as const) {
    writeFileSync(file(`${name}.pem`), pair?.cert ?? '')
    writeFileSync(file(`${name}-key.pem`), pair?.private ?? '')
  }
  writeFileSync(file('garbage.pem'), 'garbage\n')
  secured = await startSystem({
    controller: { TLS_CERT: file('own.pem'), TLS_KEY: file('own-key.pem') },
    agent: false,
  })
})
afterAll(async () => {
  await secured[Symbol.asyncDispose]()
  await plain[Symbol.asyncDispose]()
})

function selfSigned(name: string) {
  return generate([{ name: 'commonName', value: name }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  })
}

const look = (url: string, options: OgentOptions = {}) =>
  ogent(plain, ['agents'], { ...options, env: { OGENT_URL: url, ...options.env } })
/** By a login and by a token: the first contact is over HTTP with the one, by WebSocket with the other. */
async function everyWay(check: (env: Record<string, string>) => Promise<void>): Promise<void> {
  await Promise.all([check({}), check({ OGENT_TOKEN: 'x' })])
}

describe('a connection that fails', () => {
  test('because the certificate is not trusted is reported with the way to trust it', async () => {
    await everyWay(async (env) => {
      const unset = await look(secured.url, { env })
      expect(unset).toMatchObject({
        code: 69,
        stderr: expect.stringMatching(/certificate.*\n.*OGENT_CA=FILE/),
      })
      expect(unset.stderr).not.toContain('Is the controller running')
    })
    await everyWay(async (env) => {
      const other = await look(secured.url, { env: { ...env, OGENT_CA: file('other.pem') } })
      expect(other.stderr).toContain(`OGENT_CA (${file('other.pem')})`)
    })
    expect((await look(secured.url, { env: { OGENT_CA: file('own.pem') } })).code).toBe(0)
  }, 300_000)

  test('because OGENT_CA holds no certificate is a usage error', async () => {
    for (const name of ['garbage.pem', 'own-key.pem', 'missing.pem']) {
      const { code, stderr } = await look(secured.url, { env: { OGENT_CA: file(name) } })
      expect(code).toBe(64)
      expect(stderr).toMatch(/^ogent: OGENT_CA: .*\(PEM\)\.\n$/)
    }
  })

  test('because of the wrong scheme is reported as that', async () => {
    await everyWay(async (env) => {
      const bare = await look(secured.url.replace('https', 'http'), { env })
      expect(bare).toMatchObject({ code: 69, stderr: expect.stringContaining('begins with https://') })
    })
    await everyWay(async (env) => {
      const tls = await look(plain.url.replace('http', 'https'), { env })
      expect(tls).toMatchObject({ code: 69, stderr: expect.stringContaining('begins with http://') })
      expect(tls.stderr).not.toMatch(/EPROTO|openssl/)
    })
  }, 300_000)

  test('is reported without the password in its address', async () => {
    const url = 'http://user:se:cr@t@127.0.0.1:1'
    const said = await Promise.all([
      look(url),
      look(url, { as: 'nobody' }),
      look(url.replace('http', 'ftp')),
      ogent(plain, ['run', 'a,b', '--', 'true'], { env: { OGENT_URL: url } }),
      ogent(plain, ['run', 'a,b', '--json', '--', 'true'], { env: { OGENT_URL: url } }),
      ogent(plain, ['logout'], { env: { OGENT_URL: url } }),
    ])
    for (const { stdout, stderr } of said) {
      expect(stdout + stderr).toContain('user:***@127.0.0.1:1')
      expect(stdout + stderr).not.toMatch(/se:|cr@t/)
    }
  }, 300_000)
})

test('a login that cannot be stored is reported with its path and what to do', async () => {
  writeFileSync(file('no-folder'), '')
  const { code, stderr } = await ogent(plain, ['login'], { env: { XDG_CONFIG_HOME: file('no-folder') } })
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^ogent: The login in .*no-folder\/ogent\/login\.json cannot be .*\n {2}.*XDG_CONFIG_HOME/,
  )
})

test('ogent cancel tries each id, reports each outcome and exits with the worst code', async () => {
  const client = plain.client()
  for (const command_id of ['one', 'two', 'three'])
    await client.commands.start({ agent_id: 'agent-1', command_id, command: 'sleep 300' })
  const { code, stdout, stderr } = await ogent(plain, ['cancel', 'nonesuch', 'one', 'one', 'two'])
  expect({ code, stdout }).toEqual({ code: 1, stdout: 'one is asked to end.\ntwo is asked to end.\n' })
  expect(stderr).toMatch(/^ogent: .*nonesuch.*\n {2}.*ogent history.*\n$/)
  const json = await ogent(plain, ['cancel', '--json', 'nonesuch', 'three'])
  expect(json).toMatchObject({ code: 1, stderr: expect.stringContaining('nonesuch') })
  expect(jsonLines(json.stdout)).toEqual([{ command_id: 'three', status: 'cancel_requested' }])
})

describe('output that cannot be written', () => {
  const { username, password } = accounts.operator
  const shell = (line: string) =>
    run('sh', ['-c', `ogent() { "${process.execPath}" "${main}" "$@"; }\n${line}`], {
      env: { OGENT_URL: plain.url, OGENT_USERNAME: username, OGENT_PASSWORD: password },
    })

  test.each(['agents', 'agents --json', '--help', 'history'])(
    'by ogent %s is reported in a sentence',
    async (words) => {
      const { code, stderr } = await shell(`ogent ${words} > /dev/full`)
      expect(code).toBe(1)
      expect(stderr).toMatch(/^ogent: the output cannot be written: ENOSPC.*\n {2}.*\n$/)
    },
  )

  test('by ogent run ends the remote command too', async () => {
    const { code, stderr } = await shell("ogent run --id full agent-1 -- 'echo on; sleep 300' > /dev/full")
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ogent: the output cannot be written: ENOSPC.*\n {2}.*\n$/)
    await until('the remote command is gone', () => processesOf('full').length === 0)
  })

  test('on stderr still ends with an error code', async () => {
    expect((await shell('ogent nonsense 2> /dev/full')).code).toBeGreaterThan(0)
  })
})

describe('a role that cannot start', () => {
  const role = (name: string, env: Record<string, string>) =>
    run(process.execPath, [main, name], {
      cwd: plain.folder,
      env: { PORT: '0', LOG_LEVEL: 'silent', ...env },
    })
  const agent = { AGENT_USERNAME: 'a', AGENT_PASSWORD: 'b' }

  test('because its port is in use names PORT and HOST', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    const DATA_DIR = file('taken')
    const said = await role('controller', { PORT: port, DATA_DIR })
    server.close()
    expect(said).toMatchObject({
      code: 1,
      // It is kept by then: a start that succeeds later has no other.
      stdout: expect.stringMatching(/^Password of admin, told only this once: \S+\n$/),
      stderr: expect.stringMatching(/^ogent: Something else listens on port \d+ of 127\.0\.0\.1.*PORT.*HOST/),
    })
  })

  test('because its address is not one of this machine names HOST', async () => {
    for (const HOST of ['192.0.2.1', 'no-such-host.invalid']) {
      const { code, stderr } = await role('controller', { HOST, DATA_DIR: file('elsewhere') })
      expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining(`HOST: got "${HOST}"`) })
    }
  })

  test('because of its certificate or key names the setting, before it creates anything', async () => {
    const settings = { TLS_CERT: file('own.pem'), TLS_KEY: file('other-key.pem'), DATA_DIR: file('tls-data') }
    expect(await role('controller', settings)).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/\nTLS_KEY: .*other-key\.pem/),
    })
    expect(existsSync(file('tls-data'))).toBe(false)
  })

  test('because of its folder names the setting', async () => {
    writeFileSync(file('a-file'), '')
    for (const folder of [file('a-file'), join(file('a-file'), 'below')]) {
      const wrong = (setting: string) => ({
        code: 64,
        stderr: expect.stringContaining(
          `${setting}: got "${folder}", takes a folder that this user may write`,
        ),
      })
      expect(await role('controller', { DATA_DIR: folder })).toMatchObject(wrong('DATA_DIR'))
      const env = { ...agent, AGENT_STATE_DIR: folder }
      expect(await role('agent', env)).toMatchObject(wrong('AGENT_STATE_DIR'))
      const users = await run(process.execPath, [main, 'users', 'add', 'ann'], { env: { DATA_DIR: folder } })
      expect(users).toMatchObject(wrong('DATA_DIR'))
    }
  }, 300_000)
})

describe('ogent users', () => {
  const users = (cwd: string, args: string[], env: Record<string, string> = {}) =>
    run(process.execPath, [main, 'users', ...args], {
      cwd,
      env: { OGENT_NEW_PASSWORD: 'choose-one', XDG_STATE_HOME: cwd, ...env },
    })

  test('names the folder, and warns when no controller has used it', async () => {
    mkdirSync(file('wrong'), { recursive: true })
    const added = await users(file('wrong'), ['add', 'ann'])
    expect(added).toEqual({
      code: 0,
      stdout: `ann has the role viewer, in ${file('wrong/ogent')}.\n`,
      stderr: expect.stringMatching(/^ogent: warning: no controller has used .*wrong\/ogent yet: .*DATA_DIR/),
    })
    const known = await users(plain.folder, ['add', 'ann'], { DATA_DIR: 'controller' })
    expect(known).toMatchObject({ code: 0, stderr: '' })
  })

  test('creates no folder when it lists or removes', async () => {
    const DATA_DIR = file('nowhere')
    expect(await users(plain.folder, ['list'], { DATA_DIR })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`no controller has used ${DATA_DIR} yet`),
    })
    expect((await users(plain.folder, ['remove', 'ann'], { DATA_DIR })).code).toBe(1)
    expect(existsSync(DATA_DIR)).toBe(false)
  })

  test('says, when the account to remove is unknown, where the others are', async () => {
    const { code, stderr } = await users(plain.folder, ['remove', 'zz'], { DATA_DIR: 'controller' })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^ogent: There is no account zz in .*controller\.\n {2}.*ogent users list.*DATA_DIR/,
    )
  })
})
