import { describe, expect, test } from 'vitest'
import { SettingsError } from '../../src/host/settings.js'
import { createController } from '../../src/server/app.js'
import { controllerSettings, settingsWarnings } from '../../src/server/config.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'
import { silent } from '../support/system.js'

describe('the settings of a controller', () => {
  test('have their defaults when they are not set or empty', () => {
    expect(controllerSettings({ PORT: '', HOST: '', UNKNOWN: 'x' })).toEqual(controllerSettings({}))
    expect(controllerSettings({})).toMatchObject({ HOST: '127.0.0.1', PORT: 8001, COMMAND_GUARD: 'warn' })
  })

  test('take blanks alone as not set, and drop blanks around a value, except in a secret', () => {
    const blank = { PORT: '  ', DATA_DIR: '\t', SECRET_KEY: ' ', CORS_ORIGINS: ' ', LOG_LEVEL: ' ' }
    expect(controllerSettings(blank)).toEqual(controllerSettings({}))
    const padded = { PORT: ' 80 ', DATA_DIR: ' data ', LOG_LEVEL: 'warn ', ADMIN_PASSWORD: ' two words ' }
    expect(controllerSettings(padded)).toMatchObject({
      PORT: 80,
      DATA_DIR: 'data',
      LOG_LEVEL: 'warn',
      ADMIN_PASSWORD: ' two words ',
    })
  })

  test.each(['0x1F41', '1e3', '+80', '8_0', '-0', '0b1', 'Infinity', '8 0', '80.', '80.0', '٨'])(
    'take integers in decimal digits, and refuse PORT=%s',
    (value) => {
      expect(messageOf({ PORT: value })).toBe(
        `PORT: got ${JSON.stringify(value)}, takes a whole number from 0 to 65535`,
      )
    },
  )

  test.each(['1e3', '0x10', '1,5', '1.', '-1', '1.5.1'])(
    'take fractions in decimal digits, and refuse RETENTION_HOURS=%s',
    (value) => {
      expect(messageOf({ RETENTION_HOURS: value })).toMatch(/^RETENTION_HOURS: got ".*", takes a number from/)
    },
  )

  test('are converted from text to their types', () => {
    const env = { PORT: '0', RETENTION_HOURS: '0.5', CORS_ORIGINS: ' https://a.example , https://b.example,' }
    expect(controllerSettings(env)).toMatchObject({
      PORT: 0,
      RETENTION_HOURS: 0.5,
      CORS_ORIGINS: ['https://a.example', 'https://b.example'],
    })
  })

  const wrong: [name: string, value: string, says: string][] = [
    ['PORT', '80a', 'PORT: got "80a", takes a whole number from 0 to 65535'],
    ['PORT', '65536', 'PORT: got "65536", takes a whole number from 0 to 65535'],
    ['PORT', '1.5', 'PORT: got "1.5", takes a whole number from 0 to 65535'],
    ['RETENTION_HOURS', 'soon', 'RETENTION_HOURS: got "soon", takes a number from 0.001 to 87600'],
    ['COMMAND_GUARD', 'on', 'COMMAND_GUARD: got "on", takes off, warn, block'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL: got "loud", takes trace, debug, info, warn, error, fatal, silent'],
    ['MAX_OUTPUT_BYTES', '0', 'MAX_OUTPUT_BYTES: got "0", takes a whole number from 1 to 1099511627776'],
    [
      'OPENAI_BASE_URL',
      'example.com',
      'OPENAI_BASE_URL: got "example.com", takes a URL that begins with http:// or https://',
    ],
    [
      'REDIS_URL',
      'http://:hush@localhost',
      'REDIS_URL: got a value that is not shown, takes a URL that begins with redis:// or rediss://, with +sentinel or +cluster before the colon for those',
    ],
  ]
  test.each(wrong)('are refused with one line when %s=%s', (name, value, says) => {
    expect(messageOf({ [name]: value })).toBe(says)
  })

  const addresses: [value: string, shown: string][] = [
    ['ftp://me:hush@example.com/v1', 'ftp://***@example.com/v1'],
    ['me:hush@example.com', '***@example.com'],
    ['https://me:hu/sh@example.com', 'https://***@example.com'],
    ['https://me:hu@sh@ example.com', 'https://***@ example.com'],
  ]
  test.each(addresses)('are refused without the password in an address: %s', (value, shown) => {
    for (const name of ['OPENAI_BASE_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'CORS_ORIGINS']) {
      expect(messageOf({ [name]: value })).toContain(`${name}: got "${shown}", takes `)
    }
  })

  test('are refused with a line for each fault at once', () => {
    const lines = messageOf({ PORT: 'x', LOG_LEVEL: 'y', AGENT_GRACE_SECONDS: '-1' }).split('\n')
    expect(lines.map((line) => line.split(':')[0])).toEqual(['PORT', 'AGENT_GRACE_SECONDS', 'LOG_LEVEL'])
  })
})

describe('the settings of controllers that share a Redis', () => {
  const REDIS_URL = 'redis+cluster://:hush@a,b'

  test('are refused without a shared key, and without a word of the URL', () => {
    const said = messageOf({ REDIS_URL })
    expect(said).toMatch(/^SECRET_KEY: got nothing, takes one key for all controllers/)
    expect(said).not.toContain('hush')
    expect(controllerSettings({ REDIS_URL, SECRET_KEY: 'k' })).toMatchObject({ REDIS_URL })
  })

  test('are refused in an embedding program as well', async () => {
    const settings = { REDIS_URL: 'redis://localhost:1' }
    await expect(createController({ settings, log: silent })).rejects.toThrow('SECRET_KEY: got nothing')
  })
})

describe('a sample value of the documentation', () => {
  const samples = { SECRET_KEY: 'your-secret-key', ADMIN_PASSWORD: 'password' }

  test('is reported in a warning, by its name and without its value', () => {
    const warnings = settingsWarnings(controllerSettings(samples))
    expect(warnings).toEqual([
      expect.stringContaining('SECRET_KEY'),
      expect.stringContaining('ADMIN_PASSWORD'),
    ])
    expect(warnings.join()).not.toContain('your-secret-key')
    expect(
      settingsWarnings(controllerSettings({ SECRET_KEY: 'my own, long enough not to be guessed' })),
    ).toEqual([])
  })

  test('is reported in the log at the start', async () => {
    using folder = temporaryFolder()
    const warned: string[] = []
    const log = {
      ...silent,
      debug() {},
      info() {},
      error() {},
      warn: (_: object, said: string) => void warned.push(said),
    }
    const settings = { ...controllerSettings(samples), PORT: 0, DATA_DIR: folder.path }
    const controller = await createController({ settings, log })
    await controller.close()
    expect(warned).toEqual(settingsWarnings(controllerSettings(samples)))
  })

  test.each(Object.entries(samples))('is refused in production: %s=%s', (name, value) => {
    const said = messageOf({ NODE_ENV: 'production', [name]: value })
    expect(said).toMatch(
      new RegExp(`^${name}: got a sample value of the documentation, takes one of your own$`),
    )
  })
})

test('a key that is short enough to guess is reported in a warning, and refused in production', () => {
  const warnings = (SECRET_KEY: string) => settingsWarnings(controllerSettings({ SECRET_KEY }))
  expect(warnings('x'.repeat(31))).toEqual([
    expect.stringMatching(/^SECRET_KEY is shorter than 32 characters/),
  ])
  expect(warnings('x'.repeat(32))).toEqual([])
  const env = { NODE_ENV: 'production' }
  expect(messageOf({ ...env, SECRET_KEY: 'x'.repeat(31) })).toMatch(
    /^SECRET_KEY: got fewer than 32 characters/,
  )
  expect(controllerSettings({ ...env, SECRET_KEY: 'x'.repeat(32) }).SECRET_KEY).toHaveLength(32)
})

describe('ogent controller', () => {
  test('does not start, exits with 64 and shows no secret when a setting is wrong', async () => {
    using folder = temporaryFolder()
    const env = { PORT: 'http', REDIS_URL: 'http://:hush@localhost', DATA_DIR: folder.path }
    const { code, stdout, stderr } = await runOgent(['controller'], folder.path, env)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr.trim().split('\n')).toEqual([
      'ogent: these settings are wrong:',
      'PORT: got "http", takes a whole number from 0 to 65535',
      'REDIS_URL: got a value that is not shown, takes a URL that begins with redis:// or rediss://, with +sentinel or +cluster before the colon for those',
    ])
  })

  test('does not start, and does not hang, when its data folder cannot be used', async () => {
    using folder = temporaryFolder()
    const { code, stderr } = await runOgent(['controller'], folder.path, {
      PORT: '0',
      DATA_DIR: '/proc/nope',
    })
    expect(code).toBe(64)
    expect(stderr).toBe(
      'ogent: these settings are wrong:\nDATA_DIR: got "/proc/nope", takes a folder that this user may write to, and nothing can be made at /proc/nope\n',
    )
    const list = await runOgent(['users', 'list'], folder.path, { DATA_DIR: '/etc/hostname' })
    expect(list.code).toBe(64)
    expect(list.stderr).toContain('DATA_DIR: got "/etc/hostname", takes a folder')
  })

  test('does not start with a sample value in production', async () => {
    using folder = temporaryFolder()
    const env = { NODE_ENV: 'production', ADMIN_PASSWORD: 'password', DATA_DIR: folder.path }
    const { code, stderr } = await runOgent(['controller'], folder.path, env)
    expect(code).toBe(64)
    expect(stderr).toContain('ADMIN_PASSWORD: got a sample value')
  })
})

function messageOf(env: Record<string, string>): string {
  try {
    controllerSettings(env)
  } catch (error) {
    if (error instanceof SettingsError) return error.message
    throw error
  }
  throw new Error('These settings were taken.')
}

function runOgent(args: string[], cwd: string, env: Record<string, string>) {
  return run(process.execPath, [`${repository}dist/cli/main.js`, ...args], { cwd, env })
}
