import { describe, expect, test } from 'vitest'
import { agentSettings, settingsNotices } from '../../src/agent/config.js'
import { isLoopback } from '../../src/host/loopback.js'
import { controllerSettings, settingsWarnings } from '../../src/server/config.js'
import { ogent } from '../support/ogent.js'
import { startSystem } from '../support/system.js'

const production = { NODE_ENV: 'production' }

test.each([
  ['localhost', true],
  ['a.localhost', true],
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['[::1]', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.example.org', false],
  ['localhost.example.org', false],
])('%s means this machine alone: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

test('a password of a person needs 12 letters in production', () => {
  const said = 'ADMIN_PASSWORD: got fewer than 12 letters, takes 12 or more'
  expect(() => controllerSettings({ ...production, ADMIN_PASSWORD: 'x'.repeat(11) })).toThrow(said)
  expect(controllerSettings({ ...production, ADMIN_PASSWORD: 'x'.repeat(12) }).ADMIN_PASSWORD).toBeDefined()
  expect(controllerSettings({ ADMIN_PASSWORD: 'x' }).ADMIN_PASSWORD).toBe('x')
})

describe('a controller that other machines reach without TLS', () => {
  const env = { HOST: '0.0.0.0' }

  test('logs a warning', () => {
    expect(settingsWarnings(controllerSettings(env))).toEqual([
      expect.stringMatching(/^HOST is 0\.0\.0\.0 and there is no TLS_CERT: /),
    ])
  })

  test('is refused in production', () => {
    expect(() => controllerSettings({ ...env, ...production })).toThrow(
      /^HOST: got "0\.0\.0\.0", takes .*ALLOW_PLAINTEXT=true/,
    )
  })

  test.each([{ ALLOW_PLAINTEXT: 'true' }, { HOST: '127.0.0.1' }, { TLS_CERT: 'c', TLS_KEY: 'k' }])(
    'is accepted with %j',
    (more) => {
      const settings = controllerSettings({ ...env, ...production, ...more })
      expect(settingsWarnings(settings)).toEqual([])
    },
  )
})

describe('an agent that connects to another machine without TLS', () => {
  const env = { AGENT_USERNAME: 'a', AGENT_PASSWORD: 'b', CONTROLLER_URL: 'http://me:hush@ogent.example.org' }

  test('logs a warning without the password in its address', () => {
    const [notice, ...more] = settingsNotices(agentSettings(env))
    expect(more).toEqual([])
    expect(notice).toMatch(/^http:\/\/\*\*\*@ogent\.example\.org\/ is not encrypted: /)
  })

  test('is refused in production, without the password in its address', () => {
    expect(() => agentSettings({ ...env, ...production })).toThrow(
      /^CONTROLLER_URL: got "http:\/\/\*\*\*@ogent\.example\.org\/", takes .*ALLOW_PLAINTEXT=true/,
    )
  })

  test.each([
    { ALLOW_PLAINTEXT: 'true' },
    { CONTROLLER_URL: 'https://ogent.example.org' },
    { CONTROLLER_URL: 'http://localhost:8001' },
    { CONTROLLER_URL: 'http://[::1]:8001' },
  ])('is accepted with %j', (more) => {
    expect(settingsNotices(agentSettings({ ...env, ...production, ...more }))).toEqual([])
  })
})

test('every subcommand that connects to another machine without TLS warns, until that is allowed', async () => {
  await using system = await startSystem({ agent: false })
  const elsewhere = ['--url', 'http://ogent.invalid']
  const calls = [
    ['run', 'a', ...elsewhere, '--', 'true'],
    ['agents', ...elsewhere],
    ['login', ...elsewhere],
  ]
  // At once: each waits for a name that never resolves.
  const [allowed, local, ...said] = await Promise.all([
    ogent(system, ['agents', ...elsewhere], { env: { ALLOW_PLAINTEXT: 'true' } }),
    ogent(system, ['agents']),
    ...calls.map((args) => ogent(system, args)),
  ])
  for (const [at, { stderr }] of said.entries()) {
    expect(stderr, calls[at]?.[0]).toMatch(/^ogent: warning: http:\/\/ogent\.invalid is not encrypted: /)
    expect(stderr.match(/warning/g), calls[at]?.[0]).toHaveLength(1)
  }
  expect(allowed.stderr).not.toContain('warning')
  expect(local.stderr).toBe('')
}, 300_000)
