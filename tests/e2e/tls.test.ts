import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAgent } from '../../src/agent/app.js'
import { createOgentClient } from '../../src/client/client.js'
import { SettingsError } from '../../src/host/settings.js'
import { createController } from '../../src/server/app.js'
import { controllerSettings } from '../../src/server/config.js'
import { certificatesFor } from '../support/certificates.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'
import { accounts, type System, silent, startSystem } from '../support/system.js'

/** What OpenSSL says of a certificate that nobody vouches for; two roots may have one name. */
const DISTRUST = /certificate|self.signed/

const certificates = () => certificatesFor(['localhost'], ['127.0.0.1'])

const folder = temporaryFolder()
const file = (name: string) => join(folder.path, name)
let system: System
let ca: string
let otherCa: string
beforeAll(async () => {
  const [ours, others] = await Promise.all([certificates(), certificates()])
  ca = ours.root.cert
  otherCa = others.root.cert
  writeFileSync(file('cert.pem'), ours.host.cert)
  writeFileSync(file('key.pem'), ours.host.private)
  writeFileSync(file('ca.pem'), ca)
  writeFileSync(file('other-ca.pem'), otherCa)
  writeFileSync(file('other-key.pem'), others.host.private)
  writeFileSync(file('empty.pem'), '\n')
  writeFileSync(file('broken.pem'), `${ours.host.cert}\n${ca.replace(/\n.{8}/, '\nnonsense')}`)
  const locked = createPrivateKey(ours.host.private)
  const lock = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hush' } as const
  writeFileSync(file('locked.pem'), locked.export(lock))
  system = await startSystem({
    controller: { TLS_CERT: file('cert.pem'), TLS_KEY: file('key.pem') },
    agent: { CONTROLLER_CA: file('ca.pem') },
  })
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

test('the port serves HTTPS with Strict-Transport-Security, and no HTTP', async () => {
  expect(system.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  const { status, headers, body } = await get('/health', ca)
  expect({ status, body }).toEqual({ status: 200, body: '{"status":"healthy"}' })
  expect(headers['strict-transport-security']).toMatch(/^max-age=\d+/)
  await expect(get('/health', otherCa)).rejects.toThrow(DISTRUST)
  await expect(fetch(`${system.url.replace('https', 'http')}/health`)).rejects.toThrow()
})

test('an agent that is connected by wss runs the commands of the SDK', async () => {
  const { username, password } = accounts.operator
  const ogent = createOgentClient({ url: system.url, username, password, ca })
  expect(await ogent.execute({ agent_id: 'agent-1', command: 'echo over TLS' })).toMatchObject({
    status: 'success',
    stdout: 'over TLS\n',
  })
  await ogent.close()
})

test('the SDK and the agent refuse a controller whose certificate they do not trust', async () => {
  const { username, password } = accounts.operator
  for (const trust of [{ ca: otherCa }, {}]) {
    const ogent = createOgentClient({ url: system.url, username, password, connectTimeoutMs: 0, ...trust })
    await expect(ogent.me()).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringMatching(DISTRUST),
    })
    await ogent.close()
  }
  for (const [trust, says] of [
    [{ CONTROLLER_CA: file('other-ca.pem') }, /The file of CONTROLLER_CA does not have the certificate of/],
    [{}, /CONTROLLER_CA takes a file with the certificate of/],
  ] as const) {
    const agent = await createAgent({
      settings: {
        CONTROLLER_URL: system.url,
        ...trust,
        AGENT_USERNAME: accounts.agent.username,
        AGENT_PASSWORD: accounts.agent.password,
        AGENT_STATE_DIR: file('stranger'),
        MAX_RECONNECT_ATTEMPTS: 0,
      },
      log: silent,
    })
    const said = await agent.done.catch(String)
    expect(said).toMatch(DISTRUST)
    expect(said).toMatch(says)
  }
})

test('the command line trusts the certificates in the file of OGENT_CA', async () => {
  const main = join(repository, 'dist/cli/main.js')
  const env = {
    OGENT_URL: system.url,
    OGENT_USERNAME: accounts.operator.username,
    OGENT_PASSWORD: accounts.operator.password,
  }
  const ogent = (ca: string) =>
    run(process.execPath, [main, 'run', 'agent-1', '--', 'echo trusted'], { env: { ...env, OGENT_CA: ca } })
  expect(await ogent(file('ca.pem'))).toMatchObject({ code: 0, stdout: 'trusted\n' })
  expect(await ogent(file('missing.pem'))).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('OGENT_CA'),
  })
})

test('the controller names the missing setting when only one of TLS_CERT and TLS_KEY is set', () => {
  expect(() => controllerSettings({ TLS_CERT: 'x' })).toThrow(/^TLS_KEY: got nothing/)
})

const wrong: [what: string, cert: string, key: string, says: RegExp][] = [
  ['no certificate', 'none.pem', 'key.pem', /^TLS_CERT: .*none\.pem cannot be read: ENOENT/],
  ['no key', 'cert.pem', 'none.pem', /^TLS_KEY: .*none\.pem cannot be read: ENOENT/],
  ['an empty certificate', 'empty.pem', 'key.pem', /^TLS_CERT: got ".*", takes .*, and there is none in it$/],
  ['a broken certificate', 'broken.pem', 'key.pem', /^TLS_CERT: .* certificate 2 in it cannot be read/],
  ['a certificate for a key', 'cert.pem', 'ca.pem', /^TLS_KEY: .* and there is none in it that can be read$/],
  ['a locked key', 'cert.pem', 'locked.pem', /^TLS_KEY: .* asks for a passphrase/],
  [
    'the key of another',
    'cert.pem',
    'other-key.pem',
    /^TLS_KEY: .*takes the key of the first certificate in TLS_CERT/,
  ],
]
test.each(wrong)(
  'a controller does not start with unusable files, and names the setting: %s',
  async (_, cert, key, says) => {
    const settings = { PORT: 0, DATA_DIR: file('data'), TLS_CERT: file(cert), TLS_KEY: file(key) }
    await expect(createController({ settings, log: silent })).rejects.toThrow(says)
    await expect(createController({ settings, log: silent })).rejects.toBeInstanceOf(SettingsError)
  },
)

test.each([
  ['none.pem', 'none.pem cannot be read'],
  ['empty.pem', 'there is none in it'],
  ['key.pem', 'there is none in it'],
  ['broken.pem', 'certificate 2 in it cannot be read'],
])('an agent does not start with an unusable file of certificates: %s', async (name, says) => {
  const settings = {
    CONTROLLER_CA: file(name),
    AGENT_USERNAME: accounts.agent.username,
    AGENT_PASSWORD: accounts.agent.password,
    AGENT_STATE_DIR: file('stranger'),
  }
  const start = createAgent({ settings, log: silent })
  await expect(start).rejects.toBeInstanceOf(SettingsError)
  await expect(start).rejects.toThrow(
    `CONTROLLER_CA: got ${JSON.stringify(file(name))}, takes a file with certificates`,
  )
  await expect(start).rejects.toThrow(says)
})

function get(path: string, trusted: string) {
  return new Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]>; body: string }>(
    (resolve, reject) => {
      const asked = request(`${system.url}${path}`, { ca: trusted, agent: false }, async (reply) => {
        resolve({ status: reply.statusCode, headers: reply.headers, body: await text(reply) })
      })
      asked.once('error', reject)
      asked.end()
    },
  )
}
