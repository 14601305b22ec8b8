import { z } from 'zod'
import { usualDataFolder } from '../host/data-folder.js'
import { expandHome } from '../host/home.js'
import { isLoopback } from '../host/loopback.js'
import {
  logFormats,
  logLevels,
  parseSettings,
  SettingsError,
  sampleSecrets,
  setting,
} from '../host/settings.js'
import { usernameSchema } from '../shared/access/identity.js'

/** Settings that must not keep a value that anyone can read in the documentation. */
const secrets = ['SECRET_KEY', 'ADMIN_PASSWORD', 'OPENAI_API_KEY', 'METRICS_TOKEN'] as const

const REDIS_FORMS =
  'takes a URL that begins with redis:// or rediss://, with +sentinel or +cluster before the colon for those'

/** What a person can choose and an attacker cannot guess in useful time, with logins throttled. */
const PASSWORD_LETTERS = 12

/** A key for HS256 has at least as many bytes as its hash (RFC 7518, 3.2). */
const KEY_CHARACTERS = 32

const MiB = 1024 * 1024

/**
 * Requests that one account may make in a minute at one controller. A CI program that starts 500 commands a second and
 * asks once about each makes 60,000. A default that is enough for people, such as 6,000, would refuse it after 6 s.
 */
const REQUESTS_PER_MINUTE = 60_000

const schema = z.object({
  HOST: setting.text().default('127.0.0.1'),
  PORT: setting.int(0, 65535).default(8001),
  SECRET_KEY: setting.text().optional(),
  ACCESS_TOKEN_EXPIRE_MINUTES: setting.number(0.01, 7 * 24 * 60).default(30),
  ADMIN_USERNAME: usernameSchema.default('admin'),
  ADMIN_PASSWORD: setting.text().optional(),
  REDIS_URL: z
    .string()
    .regex(/^rediss?(\+sentinel|\+cluster)?:\/\/[^/?#]+/, REDIS_FORMS)
    .optional(),
  DATA_DIR: setting.text().default(usualDataFolder).transform(expandHome),
  OPENAI_API_KEY: setting.text().optional(),
  OPENAI_BASE_URL: setting.url(['http:', 'https:']).optional(),
  OPENAI_MODEL: setting.text().default('gpt-4o-mini'),
  COMMAND_GUARD: setting.oneOf(['off', 'warn', 'block']).default('warn'),
  COMMAND_TIMEOUT_SECONDS: setting.number(0.001, 7 * 24 * 3600).default(3600),
  MAX_OUTPUT_BYTES: setting.int(1, 1024 ** 4).default(256 * MiB),
  MAX_RESULT_OUTPUT_BYTES: setting.int(0, 64 * MiB).default(MiB),
  AGENT_GRACE_SECONDS: setting.number(0, 7 * 24 * 3600).default(60),
  AGENT_FORGET_DAYS: setting.number(0.00001, 3650).default(30),
  RETENTION_HOURS: setting.number(0.001, 24 * 3650).default(168),
  METRICS_TOKEN: setting
    .text()
    .refine((token) => token.length >= KEY_CHARACTERS, `takes ${KEY_CHARACTERS} characters or more`)
    .optional(),
  TLS_CERT: setting.text().optional(),
  TLS_KEY: setting.text().optional(),
  ALLOW_PLAINTEXT: setting.bool().default(false),
  TRUSTED_PROXIES: setting
    .list()
    .refine((all) => all.every(isNetwork), 'takes IP addresses and networks, such as 10.0.0.0/8')
    .default([]),
  ALLOWED_HOSTS: setting
    .list()
    .refine((all) => all.every(isHost), 'takes names or addresses without a port, such as ogent.example.com')
    .default([]),
  CORS_ORIGINS: setting
    .list()
    .refine((all) => all.every(isOrigin), 'takes origins such as https://app.example.com, without a path')
    .default([]),
  MAX_CONNECTIONS_PER_USER: setting.int(1, 1_000_000).default(20_000),
  MAX_AGENTS_PER_USER: setting.int(1, 1_000_000).default(5000),
  MAX_SUBSCRIPTIONS_PER_USER: setting.int(1, 1_000_000).default(10_000),
  MAX_OPEN_COMMANDS_PER_USER: setting.int(1, 1_000_000).default(20_000),
  MAX_OPEN_COMMANDS_PER_AGENT: setting.int(1, 1_000_000).default(5000),
  MAX_REQUESTS_PER_MINUTE: setting.int(0, 1_000_000_000).default(REQUESTS_PER_MINUTE),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting.url(['http:', 'https:']).optional(),
  LOG_LEVEL: setting.oneOf(logLevels).default('info'),
  LOG_FORMAT: setting.oneOf(logFormats).optional(),
})

export type ControllerSettings = z.output<typeof schema>

/** The controller's settings from the environment. Throws SettingsError, one line a setting that is wrong. */
export function controllerSettings(env: Record<string, string | undefined>): ControllerSettings {
  const settings = parseSettings(schema, env)
  if ((settings.TLS_CERT === undefined) !== (settings.TLS_KEY === undefined)) {
    const missing = settings.TLS_CERT === undefined ? 'TLS_CERT' : 'TLS_KEY'
    throw new SettingsError(`${missing}: got nothing, takes a file, since the other of the two is set`)
  }
  const faults = env.NODE_ENV === 'production' ? productionFaults(settings) : []
  if (faults.length > 0) throw new SettingsError(faults.join('\n'))
  checkShared(settings)
  return settings
}

/** What is warned of elsewhere, and refused where NODE_ENV is production. */
function productionFaults(settings: ControllerSettings): string[] {
  const { ADMIN_PASSWORD, SECRET_KEY, HOST } = settings
  const faults = secrets
    .filter((name) => isSample(settings[name]))
    .map((name) => `${name}: got a sample value of the documentation, takes one of your own`)
  if (ADMIN_PASSWORD !== undefined && !isSample(ADMIN_PASSWORD) && isShort(ADMIN_PASSWORD)) {
    faults.push(
      `ADMIN_PASSWORD: got fewer than ${PASSWORD_LETTERS} letters, takes ${PASSWORD_LETTERS} or more`,
    )
  }
  if (SECRET_KEY !== undefined && !isSample(SECRET_KEY) && SECRET_KEY.length < KEY_CHARACTERS) {
    faults.push(
      `SECRET_KEY: got fewer than ${KEY_CHARACTERS} characters, takes ${KEY_CHARACTERS} or more, such as \`openssl rand -base64 48\` makes`,
    )
  }
  if (isPlaintext(settings)) {
    faults.push(
      `HOST: got ${JSON.stringify(HOST)}, takes an address of this machine alone, such as 127.0.0.1, where there is no TLS_CERT: ` +
        'else passwords, tokens and output can be read on the network. ALLOW_PLAINTEXT=true allows that',
    )
  }
  return faults
}

/** What is wrong with a password that others are to be kept out by, as "it …" is continued. */
export function passwordFault(password: string, { person }: { person: boolean }): string | undefined {
  if (isSample(password)) return 'is a sample value of the documentation, which everyone can read'
  if (person && isShort(password)) return `has fewer than ${PASSWORD_LETTERS} letters`
  return undefined
}

function isShort(password: string): boolean {
  return [...password].length < PASSWORD_LETTERS
}

/** Whether the port can be reached from elsewhere without TLS, and that was not allowed. */
function isPlaintext({ HOST, TLS_CERT, ALLOW_PLAINTEXT }: ControllerSettings): boolean {
  return TLS_CERT === undefined && !ALLOW_PLAINTEXT && !isLoopback(HOST)
}

/** Controllers that share a store trust each other's tokens. Throws SettingsError where they have no common key. */
export function checkShared({ REDIS_URL, SECRET_KEY }: ControllerSettings): void {
  if (REDIS_URL === undefined || SECRET_KEY !== undefined) return
  throw new SettingsError(
    'SECRET_KEY: got nothing, takes one key for all controllers that share REDIS_URL, such as `openssl rand -base64 48` makes',
  )
}

/** What an operator should hear at the start of the secrets that are set, and of a port without TLS. */
export function settingsWarnings(settings: ControllerSettings): string[] {
  const warnings = secrets
    .filter((name) => isSample(settings[name]))
    .map((name) => `${name} has a sample value of the documentation: everyone knows it. Set one of your own.`)
  const { SECRET_KEY } = settings
  if (SECRET_KEY !== undefined && !isSample(SECRET_KEY) && SECRET_KEY.length < KEY_CHARACTERS) {
    warnings.push(
      `SECRET_KEY is shorter than ${KEY_CHARACTERS} characters: who has a token may find it by trying, and then make tokens. Set one such as \`openssl rand -base64 48\` makes.`,
    )
  }
  if (isPlaintext(settings)) {
    warnings.push(
      `HOST is ${settings.HOST} and there is no TLS_CERT: passwords, tokens and output can be read on the network. Set TLS_CERT and TLS_KEY, or ALLOW_PLAINTEXT=true where something else encrypts.`,
    )
  }
  return warnings
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}

function isHost(text: string): boolean {
  return URL.canParse(`http://${text}`) && new URL(`http://${text}`).hostname === text
}

function isNetwork(text: string): boolean {
  return z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]).safeParse(text).success
}

function isSample(value: string | undefined): boolean {
  return value !== undefined && sampleSecrets.includes(value)
}
