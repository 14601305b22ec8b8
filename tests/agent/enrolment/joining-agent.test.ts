import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type AgentHandle, type AgentOptions, createAgent } from '../../../src/agent/app.js'
import { AgentEnrolment } from '../../../src/agent/enrolment/enrolment.js'
import { KeyFile } from '../../../src/agent/enrolment/key-file.js'
import { createOgentClient } from '../../../src/client/client.js'
import { certificatesFor } from '../../support/certificates.js'
import { temporaryFolder } from '../../support/folder.js'
import { callWith, makeJoinToken } from '../../support/keyed-agent.js'
import { accounts, type System, silent, startSystem } from '../../support/system.js'
import { info } from '../link/loops.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
}, 120_000)
afterAll(() => system[Symbol.asyncDispose](), 120_000)

const folderOf = (name: string) => join(system.folder, name)
const keyOf = (name: string) =>
  JSON.parse(readFileSync(join(folderOf(name), 'agent-key.json'), 'utf8')) as Record<string, unknown>

/** An agent whose state is in the folder of that name. */
async function start(
  name: string,
  settings: AgentOptions['settings'] = {},
  log: AgentOptions['log'] = silent,
): Promise<AgentHandle> {
  return createAgent({
    settings: {
      CONTROLLER_URL: system.url,
      AGENT_STATE_DIR: folderOf(name),
      RECONNECT_DELAY: 0.05,
      KILL_GRACE_SECONDS: 1,
      ...settings,
    },
    ...(log ? { log } : {}),
  })
}

const stop = (agent: AgentHandle) => agent.stop({ drainMs: 0 })

describe('an agent with a join token', () => {
  test('joins at its first start, and needs neither token nor password at the next', async () => {
    const { token } = await makeJoinToken(system.url, { labels: { env: 'prod' } })
    const first = await start('joins', { AGENT_ID: 'joins', AGENT_JOIN_TOKEN: token })
    await first.registered
    await stop(first)
    const lines: string[] = []
    const note = (fields: object, message: string) => void lines.push(JSON.stringify(fields) + message)
    const second = await start('joins', {}, { debug: note, info: note, warn: note, error: note })
    await second.registered
    expect(second.agent_id).toBe('joins')
    const run = await system.client().execute({ agent_id: 'joins', command: 'echo here' })
    expect(run).toMatchObject({ status: 'success', stdout: 'here\n' })
    expect((await callWith(system.url, 'GET', '/agents/joins')).body).toMatchObject({
      assigned_labels: { env: 'prod' },
    })
    await stop(second)
    expect(lines.join('\n')).not.toContain(String(keyOf('joins').secret))
  })

  test('keeps its key in a file for its user alone, and the token nowhere', async () => {
    const { token } = await makeJoinToken(system.url)
    const agent = await start('keeps', { AGENT_JOIN_TOKEN: token })
    await agent.registered
    expect(agent.agent_id).toMatch(/^agent-/)
    await stop(agent)
    expect(statSync(join(folderOf('keeps'), 'agent-key.json')).mode & 0o777).toBe(0o600)
    expect(JSON.stringify(keyOf('keeps'))).not.toContain(token.slice(-43))
  })

  test('gets the same identity when the reply to its join was lost', async () => {
    const { token } = await makeJoinToken(system.url)
    const agent = await start('repeats', { AGENT_JOIN_TOKEN: token })
    await agent.registered
    await stop(agent)
    const { identity, ...asBefore } = keyOf('repeats')
    writeFileSync(join(folderOf('repeats'), 'agent-key.json'), JSON.stringify(asBefore))
    const again = await start('repeats', { AGENT_JOIN_TOKEN: token })
    await again.registered
    await stop(again)
    expect(keyOf('repeats').identity).toEqual(identity)
  })

  test('gives up with TOKEN_EXHAUSTED when another machine has used the token', async () => {
    const { token } = await makeJoinToken(system.url)
    const first = await start('uses', { AGENT_JOIN_TOKEN: token })
    await first.registered
    const second = await start('comes-late', { AGENT_JOIN_TOKEN: token })
    await expect(second.done).rejects.toMatchObject({ code: 'TOKEN_EXHAUSTED' })
    await stop(first)
  })

  test('has the key of the agent that it was, under the same id, when it had a password before', async () => {
    const password = { AGENT_USERNAME: accounts.agent.username, AGENT_PASSWORD: accounts.agent.password }
    const before = await start('upgrades', password)
    await before.registered
    const agent_id = before.agent_id ?? ''
    await system.client().execute({ agent_id, command: 'true' })
    await stop(before)
    const { token } = await makeJoinToken(system.url, { agent_id })
    const after = await start('upgrades', { ...password, AGENT_JOIN_TOKEN: token })
    await after.registered
    expect(after.agent_id).toBe(agent_id)
    expect(await system.client().commands.list({ agent_id })).toMatchObject({
      commands: [{ command: 'true' }],
    })
    await stop(after)
  })
})

describe('an agent with a key', () => {
  test('gives up with AGENT_REVOKED when it is revoked, and ends what it runs', async () => {
    const { token } = await makeJoinToken(system.url)
    const agent = await start('ends', { AGENT_ID: 'ends', AGENT_JOIN_TOKEN: token })
    await agent.registered
    const run = system.client().execute({ agent_id: 'ends', command: 'sleep 100' })
    await vi.waitFor(async () => {
      const { body } = await callWith(system.url, 'GET', `/commands/${run.command_id}`)
      expect(body.status).toBe('running')
    })
    await system.client('admin').agents.revoke('ends')
    await expect(agent.done).rejects.toMatchObject({ code: 'AGENT_REVOKED' })
    expect(await run).toMatchObject({ status: 'lost' })
  })

  test('joins anew, by another id, when it was revoked and has another join token', async () => {
    const first = await makeJoinToken(system.url)
    const agent = await start('returns', { AGENT_JOIN_TOKEN: first.token })
    await agent.registered
    const before = agent.agent_id ?? ''
    await stop(agent)
    await system.client('admin').agents.forget(before)
    const second = await makeJoinToken(system.url)
    const again = await start('returns', { AGENT_JOIN_TOKEN: second.token })
    await again.registered
    expect(again.agent_id).not.toBe(before)
    await stop(again)
  })

  test('signs with a new key when an admin asks for one', async () => {
    const { token } = await makeJoinToken(system.url)
    const agent = await start('rotates', { AGENT_ID: 'rotates', AGENT_JOIN_TOKEN: token })
    await agent.registered
    await stop(agent)
    const before = keyOf('rotates')
    await callWith(system.url, 'PATCH', '/agents/rotates', { rotate_key: true })
    const again = await start('rotates')
    await again.registered
    await stop(again)
    const now = keyOf('rotates')
    expect(now.secret).not.toBe(before.secret)
    expect(now.identity).toEqual(before.identity)
    expect((await callWith(system.url, 'GET', '/agents/rotates')).body.identity).toMatchObject({
      key_ids: [expect.any(String), expect.any(String)],
    })
  })

  test('is AGENT_CLONED as a copy on another machine, which joins anew by a token of its own', async () => {
    const open = (machine: string, joinToken?: string) => {
      const enrolment = AgentEnrolment.open({
        url: system.url,
        ca: undefined,
        file: new KeyFile(system.folder),
        joinToken,
        wantedId: undefined,
        info: () => info,
        fingerprint: machine.repeat(64),
        log: silent,
      })
      if (!enrolment) throw new Error('It has neither key nor token.')
      return enrolment
    }
    const first = open('a', (await makeJoinToken(system.url)).token)
    await first.ask()
    await expect(open('b').ask()).rejects.toMatchObject({ code: 'AGENT_CLONED' })
    const copy = open('b', (await makeJoinToken(system.url)).token)
    await copy.ask()
    expect(copy.agent_id).not.toBe(first.agent_id)
    await first.ask()
  })

  test('proves itself by the clock of the controller when its own is wrong', async () => {
    using folder = temporaryFolder()
    const { token } = await makeJoinToken(system.url)
    const enrolment = AgentEnrolment.open({
      url: system.url,
      ca: undefined,
      file: new KeyFile(folder.path),
      joinToken: token,
      wantedId: undefined,
      info: () => info,
      fingerprint: undefined,
      log: silent,
    })
    // This process is the controller as well: only what the agent asks for is of another time.
    const real = Date.now
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => {
      const isAgent = new Error().stack?.includes('/src/agent/') ?? false
      return real() + (isAgent ? 3600_000 : 0)
    })
    try {
      await enrolment?.ask()
      expect(enrolment?.agent_id).toMatch(/^agent-/)
    } finally {
      clock.mockRestore()
    }
  })
})

test('an agent without key, join token or password does not start, and says what it needs', async () => {
  await expect(start('has-nothing')).rejects.toThrow(/AGENT_JOIN_TOKEN.*AGENT_USERNAME and AGENT_PASSWORD/s)
})

describe('a controller with a certificate of its own', () => {
  test('is trusted by what the join token names alone, at the join and after', async () => {
    const { root, host } = await certificatesFor(['localhost'], ['127.0.0.1'])
    using folder = temporaryFolder()
    const [cert, key] = [join(folder.path, 'cert.pem'), join(folder.path, 'key.pem')]
    writeFileSync(cert, host.cert)
    writeFileSync(key, host.private)
    await using tls = await startSystem({ agent: false, controller: { TLS_CERT: cert, TLS_KEY: key } })
    const { username, password } = accounts.admin
    await using ogent = createOgentClient({ url: tls.url, username, password, ca: root.cert })
    const { token } = await ogent.joinTokens.create({ uses: 2 })
    expect(token).toMatch(/@sha256:[0-9a-f]{64}$/)
    const settings = { CONTROLLER_URL: tls.url }
    const agent = await start('pins', { ...settings, AGENT_JOIN_TOKEN: token })
    await agent.registered
    await stop(agent)
    expect(keyOf('pins').pinned).toContain('BEGIN CERTIFICATE')
    const again = await start('pins', settings)
    await again.registered
    await stop(again)
    const wrong = token.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    const fooled = await start('fooled', { ...settings, AGENT_JOIN_TOKEN: wrong })
    await expect(fooled.done).rejects.toThrow('does not have the certificate that the join token names')
    const bare = await start('bare', {
      ...settings,
      AGENT_JOIN_TOKEN: token.replace(/@.*/, ''),
      MAX_RECONNECT_ATTEMPTS: 0,
    })
    await expect(bare.done).rejects.toThrow('Gave up')
  })
})
