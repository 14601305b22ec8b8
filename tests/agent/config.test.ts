import { mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { agentSettings, settingsNotices } from '../../src/agent/config.js'
import { SettingsError } from '../../src/host/settings.js'
import { BackgroundProgram } from '../support/background.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'

const account = { AGENT_USERNAME: 'agents', AGENT_PASSWORD: 'a-password' }

describe('the settings of an agent', () => {
  test('are complete with an account alone', () => {
    expect(agentSettings(account)).toMatchObject({
      CONTROLLER_URL: 'http://localhost:8001',
      AGENT_STATE_DIR: join(homedir(), '.ogent'),
      AGENT_LABELS: {},
      SSH_ENABLED: false,
    })
    expect(messageOf({ AGENT_STATE_DIR: '/nonexistent' })).toBe(
      'AGENT_JOIN_TOKEN: got nothing, takes a join token, as `ogent join-tokens create` makes it; or set AGENT_USERNAME and AGENT_PASSWORD. ' +
        'There is no key of an agent in /nonexistent yet',
    )
  })

  test('are converted from text to their types', () => {
    const env = {
      AGENT_LABELS: 'env=prod, role=web,spare=,',
      SSH_KEY_PATH: '~/.ssh/id',
      RECONNECT_DELAY: '0.5',
    }
    expect(agentSettings({ ...account, ...env })).toMatchObject({
      AGENT_LABELS: { env: 'prod', role: 'web', spare: '' },
      SSH_KEY_PATH: join(homedir(), '.ssh/id'),
      RECONNECT_DELAY: 0.5,
    })
    for (const yes of ['true', '1', 'yes', 'ON']) {
      const settings = agentSettings({ ...account, SSH_ENABLED: yes, SSH_HOST: 'h', SSH_USERNAME: 'u' })
      expect(settings.SSH_ENABLED).toBe(true)
    }
    for (const no of ['false', '0', 'no', 'Off']) {
      expect(agentSettings({ ...account, SSH_ENABLED: no }).SSH_ENABLED).toBe(false)
    }
  })

  const wrong: [name: string, value: string, says: string][] = [
    [
      'CONTROLLER_URL',
      'ws://c',
      'CONTROLLER_URL: got "ws://c", takes a URL that begins with http:// or https://',
    ],
    ['AGENT_ID', 'a b', 'AGENT_ID: got "a b", takes 1 to 128 letters, digits, and . _ : - inside'],
    ['SSH_ENABLED', 'maybe', 'SSH_ENABLED: got "maybe", takes true or false'],
    ['SSH_PORT', '0', 'SSH_PORT: got "0", takes a whole number from 1 to 65535'],
    [
      'MAX_CONCURRENT_COMMANDS',
      'all',
      'MAX_CONCURRENT_COMMANDS: got "all", takes a whole number from 1 to 1000',
    ],
    [
      'SSH_HOST_FINGERPRINT',
      'MD5:1',
      'SSH_HOST_FINGERPRINT: got "MD5:1", takes SHA256: and 43 characters, as ssh-keygen -l prints it',
    ],
  ]
  test.each(wrong)('are refused with one line when %s=%s', (name, value, says) => {
    expect(messageOf({ ...account, [name]: value })).toBe(says)
  })

  test('take a value of blanks alone as not set', () => {
    const settings = agentSettings({ ...account, MAX_RECONNECT_ATTEMPTS: ' ', AGENT_LABELS: ' ' })
    expect(settings.MAX_RECONNECT_ATTEMPTS).toBeUndefined()
    expect(settings.AGENT_LABELS).toEqual({})
    expect(messageOf({ ...account, AGENT_PASSWORD: '  ' })).toBe(
      'AGENT_PASSWORD: got nothing, takes a text, since the other of the two is set',
    )
  })

  test('are refused without the password in the address of the controller', () => {
    expect(messageOf({ ...account, CONTROLLER_URL: 'ws://me:hush@c' })).toBe(
      'CONTROLLER_URL: got "ws://***@c", takes a URL that begins with http:// or https://',
    )
  })

  test('are refused when a label is not valid', () => {
    for (const labels of ['=web', 'web', 'env=prod,web', '=']) {
      expect(messageOf({ ...account, AGENT_LABELS: labels })).toBe(
        `AGENT_LABELS: got ${JSON.stringify(labels)}, takes name=value pairs with commas between, names of letters, digits and . _ / -`,
      )
    }
  })

  test('are refused when SSH has no host or no user', () => {
    expect(messageOf({ ...account, SSH_ENABLED: 'true', SSH_HOST: 'h' })).toBe(
      'SSH_USERNAME: got nothing, takes a text, since SSH_ENABLED is true',
    )
  })

  test('give a warning for sample passwords and for a setting without effect', () => {
    const env = { ...account, AGENT_PASSWORD: 'password', SSH_PASSWORD: 'password', REDIS_URL: 'redis://x' }
    expect(settingsNotices(agentSettings(env))).toEqual([
      expect.stringMatching(/^AGENT_PASSWORD has a sample value/),
      expect.stringMatching(/^SSH_PASSWORD has a sample value/),
      expect.stringMatching(/^REDIS_URL is ignored/),
    ])
    expect(settingsNotices(agentSettings(account))).toEqual([])
  })

  test('are refused in production when a password is a sample', () => {
    expect(messageOf({ ...account, AGENT_PASSWORD: 'password', NODE_ENV: 'production' })).toBe(
      'AGENT_PASSWORD: got a sample value of the documentation, takes one of your own',
    )
  })
})

describe('ogent agent', () => {
  const main = `${repository}dist/cli/main.js`

  test('does not start, exits with 64 and shows no secret when a setting is wrong', async () => {
    using folder = temporaryFolder()
    const env = { AGENT_USERNAME: 'a', AGENT_ID: 'no spaces', SSH_ENABLED: 'x', SSH_PASSWORD: 'hush' }
    const { code, stdout, stderr } = await run(process.execPath, [main, 'agent'], { cwd: folder.path, env })
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr.trim().split('\n')).toEqual([
      'ogent: these settings are wrong:',
      'AGENT_ID: got "no spaces", takes 1 to 128 letters, digits, and . _ : - inside',
      'SSH_ENABLED: got "x", takes true or false',
    ])
  })

  test('reads the .env file of its folder, which the environment overrides', async () => {
    using folder = temporaryFolder()
    writeFileSync(
      join(folder.path, '.env'),
      'AGENT_USERNAME=a\nAGENT_PASSWORD=b\nRECONNECT_DELAY=never\nLOG_LEVEL=x\n',
    )
    const { code, stderr } = await run(process.execPath, [main, 'agent'], {
      cwd: folder.path,
      env: { LOG_LEVEL: 'warn' },
    })
    expect(code).toBe(64)
    expect(stderr).toBe(
      'ogent: these settings are wrong:\nRECONNECT_DELAY: got "never", takes a number from 0.01 to 3600\n',
    )
  })

  test('does not start when its .env file cannot be read', async () => {
    using folder = temporaryFolder()
    mkdirSync(join(folder.path, '.env'))
    for (const role of ['agent', 'controller']) {
      const ended = await run(process.execPath, [main, role], { cwd: folder.path, env: account })
      expect(ended).toMatchObject({ code: 64, stdout: '' })
      expect(ended.stderr).toMatch(
        /^ogent: the settings in \.env cannot be read: EISDIR.*Let this user read it/,
      )
    }
  })

  test('does not start, and does not hang, when its state folder cannot be used', async () => {
    using folder = temporaryFolder()
    const env = { ...account, AGENT_STATE_DIR: '/proc/nope' }
    const { code, stderr } = await run(process.execPath, [main, 'agent'], { cwd: folder.path, env })
    expect(code).toBe(64)
    expect(stderr).toContain('AGENT_STATE_DIR: got "/proc/nope", takes a folder that this user may write to')
  })

  test('starts with a clear warning when its password is a sample', async () => {
    using folder = temporaryFolder()
    const env = {
      ...account,
      AGENT_PASSWORD: 'password',
      CONTROLLER_URL: 'http://127.0.0.1:9',
      AGENT_STATE_DIR: 'state',
    }
    await using agent = new BackgroundProgram(process.execPath, [main, 'agent'], { cwd: folder.path, env })
    await agent.line(/"level":40.*AGENT_PASSWORD has a sample value/)
    await agent.line(/not connected to the controller, trying again/)
    expect(await agent.stop()).toBe(0)
  })
})

function messageOf(env: Record<string, string>): string {
  try {
    agentSettings(env)
  } catch (error) {
    if (error instanceof SettingsError) return error.message
    throw error
  }
  throw new Error('These settings were taken.')
}
