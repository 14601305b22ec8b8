import { z } from 'zod'
import { logLevels, parseSettings, SettingsError, sampleSecrets, setting } from '../shared/settings.js'

/** Settings that must not keep a value that everybody can read in the documentation. */
const secrets = ['SECRET_KEY', 'ADMIN_PASSWORD', 'OPENAI_API_KEY', 'METRICS_TOKEN'] as const

const REDIS_FORMS =
  'takes a URL that begins with redis:// or rediss://, with +sentinel or +cluster before the colon for those'

/** A key for HS256 has at least as many bytes as its hash (RFC 7518, 3.2). */
const KEY_CHARACTERS = 32

const MiB = 1024 * 1024

const schema = z.object({
  HOST: setting.text().default('127.0.0.1'),
  PORT: setting.int(0, 65535).default(8001),
  SECRET_KEY: setting.text().optional(),
  ACCESS_TOKEN_EXPIRE_MINUTES: setting.number(0.01, 7 * 24 * 60).default(30),
  ADMIN_USERNAME: setting.text().default('admin'),
  ADMIN_PASSWORD: setting.text().optional(),
  REDIS_URL: z
    .string()
    .regex(/^rediss?(\+sentinel|\+cluster)?:\/\/[^/?#]+/, REDIS_FORMS)
    .optional(),
  DATA_DIR: setting.text().default('.ogent'),
  OPENAI_API_KEY: setting.text().optional(),
  OPENAI_BASE_URL: setting.url(['http:', 'https:']).optional(),
  OPENAI_MODEL: setting.text().default('gpt-4o-mini'),
  COMMAND_GUARD: setting.oneOf(['off', 'warn', 'block']).default('warn'),
  COMMAND_TIMEOUT_SECONDS: setting.number(0.001, 7 * 24 * 3600).default(3600),
  MAX_OUTPUT_BYTES: setting.int(1, 1024 ** 4).default(256 * MiB),
  MAX_RESULT_OUTPUT_BYTES: setting.int(0, 64 * MiB).default(MiB),
  AGENT_GRACE_SECONDS: setting.number(0, 7 * 24 * 3600).default(60),
  RETENTION_HOURS: setting.number(0.001, 24 * 3650).default(168),
  METRICS_TOKEN: setting.text().optional(),
  TLS_CERT: setting.text().optional(),
  TLS_KEY: setting.text().optional(),
  TRUSTED_PROXIES: setting
    .list()
    .refine((all) => all.every(isNetwork), 'takes IP addresses and networks, such as 10.0.0.0/8')
    .default([]),
  CORS_ORIGINS: setting
    .list()
    .refine((all) => all.every(isOrigin), 'takes origins such as https://app.example.com, without a path')
    .default([]),
  MAX_CONNECTIONS_PER_USER: setting.int(1, 1_000_000).default(20_000),
  MAX_SUBSCRIPTIONS_PER_USER: setting.int(1, 1_000_000).default(10_000),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting.url(['http:', 'https:']).optional(),
  LOG_LEVEL: setting.oneOf(logLevels).default('info'),
})

export type ControllerSettings = z.output<typeof schema>

/** The controller's settings from the environment. Throws SettingsError, one line a setting that is wrong. */
export function controllerSettings(env: Record<string, string | undefined>): ControllerSettings {
  const settings = parseSettings(schema, env)
  if ((settings.TLS_CERT === undefined) !== (settings.TLS_KEY === undefined)) {
    const missing = settings.TLS_CERT === undefined ? 'TLS_CERT' : 'TLS_KEY'
    throw new SettingsError(`${missing}: got nothing, takes a file, since the other of the two is set`)
  }
  const samples = secrets.filter((name) => isSample(settings[name]))
  if (samples.length > 0 && env.NODE_ENV === 'production') {
    const lines = samples.map(
      (name) => `${name}: got a sample value of the documentation, takes one of your own`,
    )
    throw new SettingsError(lines.join('\n'))
  }
  checkShared(settings)
  return settings
}

/** Controllers that share a store trust each other's tokens. Throws SettingsError where they have no common key. */
export function checkShared({ REDIS_URL, SECRET_KEY }: ControllerSettings): void {
  if (REDIS_URL === undefined || SECRET_KEY !== undefined) return
  throw new SettingsError(
    'SECRET_KEY: got nothing, takes one key for all controllers that share REDIS_URL, such as `openssl rand -base64 48` makes',
  )
}

/** What an operator should hear at the start of the secrets that are set. */
export function secretWarnings(settings: ControllerSettings): string[] {
  const warnings = secrets
    .filter((name) => isSample(settings[name]))
    .map((name) => `${name} has a sample value of the documentation: everyone knows it. Set one of your own.`)
  const { SECRET_KEY } = settings
  if (SECRET_KEY !== undefined && !isSample(SECRET_KEY) && SECRET_KEY.length < KEY_CHARACTERS) {
    warnings.push(
      `SECRET_KEY is shorter than ${KEY_CHARACTERS} characters: who has a token may find it by trying, and then make tokens. Set one such as \`openssl rand -base64 48\` makes.`,
    )
  }
  return warnings
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}

function isNetwork(text: string): boolean {
  return z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]).safeParse(text).success
}

function isSample(value: string | undefined): boolean {
  return value !== undefined && sampleSecrets.includes(value)
}
