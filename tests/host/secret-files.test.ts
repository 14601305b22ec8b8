import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { agentSettings } from '../../src/agent/config.js'
import { secretSettings, withSecretFiles } from '../../src/host/secret-files.js'
import { SettingsError } from '../../src/host/settings.js'
import { controllerSettings } from '../../src/server/config.js'
import { temporaryFolder } from '../support/folder.js'
import { readRepository } from '../support/samples.js'

const folder = temporaryFolder('ogent-secrets-')
afterAll(() => folder[Symbol.dispose]())

function file(name: string, text: string): string {
  const path = join(folder.path, name)
  writeFileSync(path, text)
  return path
}

function faultOf(env: Record<string, string>): string {
  try {
    withSecretFiles(env, 'controller')
  } catch (error) {
    if (error instanceof SettingsError) return error.message
    throw error
  }
  return expect.unreachable('the settings are wrong')
}

describe('a secret in a file', () => {
  test.each([
    ['as it is', 'a secret', 'a secret'],
    ['without the newline at its end', 'a secret\n', 'a secret'],
    ['without the line end of another system', 'a secret\r\n', 'a secret'],
    ['with the blanks that it begins and ends with', ' a secret \n', ' a secret '],
  ])('is read %s', (_how, text, secret) => {
    const env = { HOST: '::1', ADMIN_PASSWORD_FILE: ` ${file('password', text)} ` }
    expect(withSecretFiles(env, 'controller')).toEqual({
      HOST: '::1',
      ADMIN_PASSWORD: secret,
      ADMIN_PASSWORD_FILE: '',
    })
    expect(controllerSettings(withSecretFiles(env, 'controller')).ADMIN_PASSWORD).toBe(secret)
  })

  test('replaces a setting that is empty', () => {
    const env = { SECRET_KEY: ' ', SECRET_KEY_FILE: file('key', 'k') }
    expect(withSecretFiles(env, 'controller')).toMatchObject({ SECRET_KEY: 'k' })
  })

  test('is not read twice when a role starts with the environment of another process', () => {
    const env = { SSH_PASSWORD_FILE: file('ssh', 's') }
    const once = withSecretFiles(env, 'start')
    expect(withSecretFiles(once, 'agent')).toEqual(once)
  })

  test('is not read for a role that does not need it', () => {
    const env = { SECRET_KEY_FILE: '/no/such/file' }
    expect(withSecretFiles(env, 'agent')).toEqual(env)
  })

  test('is named in one line for each setting that cannot be used, without its content', () => {
    const two = file('two', 'hidden\nlines')
    const missing = join(folder.path, 'missing')
    const empty = file('empty', '\n')
    const both = file('both', 'hidden')
    const fault = faultOf({
      SECRET_KEY_FILE: two,
      ADMIN_PASSWORD_FILE: missing,
      OPENAI_API_KEY_FILE: empty,
      METRICS_TOKEN_FILE: both,
      METRICS_TOKEN: 'hidden',
    })
    expect(fault.split('\n')).toEqual([
      `SECRET_KEY_FILE: got "${two}", takes a file with the secret alone, and it has more than one line`,
      expect.stringMatching(
        /^ADMIN_PASSWORD_FILE: got ".*", takes a file with the secret alone, and .* cannot be read: ENOENT/,
      ),
      `OPENAI_API_KEY_FILE: got "${empty}", takes a file with the secret alone, and it is empty`,
      `METRICS_TOKEN_FILE: got "${both}", takes a file with the secret alone, and METRICS_TOKEN is set as well: leave out one of the two`,
    ])
    expect(fault).not.toContain('hidden')
  })
})

/** The variables that a side asks its environment for. */
function namesAskedBy(read: (env: Record<string, string | undefined>) => unknown): string[] {
  const asked = new Set<string>()
  try {
    read(new Proxy({}, { get: (_env, name) => void asked.add(String(name)) }))
  } catch {
    // An agent's settings are not whole without its account: they were asked for all the same.
  }
  return [...asked]
}

test('every setting that is a secret may be in a file, and .env.example says so', () => {
  // AGENT_PASSWORDS says whether agents may have some.
  const isSecret = (name: string) =>
    name !== 'AGENT_PASSWORDS' && /PASSWORD|SECRET|API_KEY|TOKEN$|PASSPHRASE|ORDER_KEY$|REDIS_URL/.test(name)
  const ofAgent = namesAskedBy(agentSettings).filter((name) => isSecret(name) && name !== 'REDIS_URL')
  const ofController = namesAskedBy(controllerSettings).filter(isSecret)
  expect([...secretSettings.controller].sort()).toEqual(ofController.sort())
  expect([...secretSettings.agent].sort()).toEqual(ofAgent.sort())
  const example = readRepository('.env.example')
  for (const name of [...ofAgent, ...ofController])
    expect(example).toMatch(new RegExp(`^# .*\\b${name}_FILE\\b`, 'm'))
})
