import { z } from 'zod'
import { isHost, isNetwork, isOrigin } from '../host/address-forms.js'
import { usualDataFolder } from '../host/data-folder.js'
import { expandHome } from '../host/home.js'
import { isLoopback } from '../host/loopback.js'
import {
  allowPlaintext,
  parseSettings,
  reportSettings,
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

/** A webhook without TLS is one of this machine: records would be readable on the network. */
const SINK_FORMS =
  /^(stdout|file:\/.+|https:\/\/[^/]+.*|http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])([:/].*)?)$/

/**
 * Requests that one account may make in a minute at one controller. A CI program that starts 500 commands a second and
 * asks once about each makes 60,000. A default that is enough for people, such as 6,000, would refuse it after 6 s.
 */
const REQUESTS_PER_MINUTE = 60_000

export const controllerSchema = z.object({
  HOST: setting.text().default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for every interface.'),
  PORT: setting
    .int(0, 65535)
    .default(8001)
    .describe('Port for REST, tRPC and WebSocket together; 0 takes a free one.'),
  SECRET_KEY: setting
    .text()
    .optional()
    .describe(
      'Signs the tokens, 32 characters or more; made up and kept in DATA_DIR when it is not set. With REDIS_URL it has to be set.',
    ),
  ORDER_KEY: setting
    .text()
    .optional()
    .describe(
      'Signs the orders to agents: a private Ed25519 key (PKCS #8, base64); made up and kept in DATA_DIR when it is not set. With REDIS_URL orders are signed only where it is set.',
    ),
  ACCESS_TOKEN_EXPIRE_MINUTES: setting
    .number(0.01, 7 * 24 * 60)
    .default(30)
    .describe('How long a token lives, in minutes.'),
  ADMIN_USERNAME: usernameSchema.default('admin').describe('Name of the account that may do everything.'),
  ADMIN_PASSWORD: setting
    .text()
    .optional()
    .describe('Password of that account; made up, printed once and kept as a hash when it is not set.'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?(\+sentinel|\+cluster)?:\/\/[^/?#]+/, REDIS_FORMS)
    .optional()
    .describe(
      'Redis that several controllers share: redis://, redis+sentinel:// or redis+cluster://, rediss for TLS; else DATA_DIR is used.',
    ),
  DATA_DIR: setting
    .text()
    .default(usualDataFolder)
    .transform(expandHome)
    .describe(
      'Folder for commands, accounts and the signing key; XDG_STATE_HOME moves it, and a ./.ogent that is there is used instead.',
    ),
  OPENAI_API_KEY: setting
    .text()
    .optional()
    .describe('Key of an OpenAI-compatible service, for help with commands.'),
  OPENAI_BASE_URL: setting
    .url(['http:', 'https:'])
    .optional()
    .describe("Address of that service, where it is not OpenAI's own."),
  OPENAI_MODEL: setting.text().default('gpt-4o-mini').describe('Name of the model to ask.'),
  COMMAND_GUARD: setting
    .oneOf(['off', 'warn', 'block'])
    .default('warn')
    .describe(
      'What becomes of commands that look dangerous: off, warn (they run, with warnings) or block (high risks are refused).',
    ),
  COMMAND_TIMEOUT_SECONDS: setting
    .number(0.001, 7 * 24 * 3600)
    .default(3600)
    .describe('Time limit of commands that name none, in seconds.'),
  MAX_OUTPUT_BYTES: setting
    .int(1, 1024 ** 4)
    .default(256 * MiB)
    .describe('Output kept of one command, in bytes; what is over is counted and hashed, not kept.'),
  MAX_RESULT_OUTPUT_BYTES: setting
    .int(0, 64 * MiB)
    .default(MiB)
    .describe(
      'Output of each stream inside a result, in bytes; a longer one shows its beginning and its end.',
    ),
  AGENT_PASSWORDS: setting
    .oneOf(['on', 'off'])
    .default('on')
    .describe(
      'Whether agents may log in by the password of an account; off: only agents with a key, which join by a token.',
    ),
  AGENT_GRACE_SECONDS: setting
    .number(0, 7 * 24 * 3600)
    .default(60)
    .describe(
      'How long an agent may be offline before its running commands are given up as lost, in seconds.',
    ),
  AGENT_FORGET_DAYS: setting
    .number(0.00001, 3650)
    .default(30)
    .describe(
      'How long an agent may be offline before it is forgotten, in days; one that comes back later registers anew.',
    ),
  RETENTION_HOURS: setting
    .number(0.001, 24 * 3650)
    .default(168)
    .describe('How long a command is kept after its end, in hours.'),
  AUDIT_RETENTION_DAYS: setting
    .number(0.00001, 36_500)
    .default(400)
    .describe(
      'How long records of the audit are kept, in days; with REDIS_URL they are in its memory, about 1 kB each.',
    ),
  AUDIT_SINKS: setting
    .list()
    .refine(
      (all) => all.every((sink) => SINK_FORMS.test(sink)),
      'takes stdout, file:/path and addresses that begin with https://, with commas between',
    )
    .default([])
    .describe(
      'Where each record and checkpoint of the audit goes besides, with commas between: stdout, file:/path, or the https:// address of a webhook.',
    ),
  METRICS_TOKEN: setting
    .text()
    .refine((token) => token.length >= KEY_CHARACTERS, `takes ${KEY_CHARACTERS} characters or more`)
    .optional()
    .describe(
      'Token that opens /metrics to a scraper, and nothing else, 32 characters or more; without it /metrics takes the token of a viewer.',
    ),
  TLS_CERT: setting
    .text()
    .optional()
    .describe(
      'File with the certificate (and what is between it and its root), PEM: the port speaks https and wss then.',
    ),
  TLS_KEY: setting.text().optional().describe('File with the key of that certificate, PEM.'),
  ALLOW_PLAINTEXT: allowPlaintext,
  TRUSTED_PROXIES: setting
    .list()
    .refine((all) => all.every(isNetwork), 'takes IP addresses and networks, such as 10.0.0.0/8')
    .default([])
    .describe(
      'Addresses or networks of proxies in front, with commas between; they are believed when they say who calls.',
    ),
  ALLOWED_HOSTS: setting
    .list()
    .refine((all) => all.every(isHost), 'takes names or addresses without a port, such as ogent.example.com')
    .default([])
    .describe(
      'Names and addresses by which this controller may be called, with commas between; without it, any. /health and /ready answer by any.',
    ),
  CORS_ORIGINS: setting
    .list()
    .refine((all) => all.every(isOrigin), 'takes origins such as https://app.example.com, without a path')
    .default([])
    .describe(
      'Origins of web pages that may use the API, with commas between; pages of the controller itself always may.',
    ),
  MAX_CONNECTIONS_PER_USER: setting
    .int(1, 1_000_000)
    .default(20_000)
    .describe(
      'WebSockets that one account may hold open at a time: one for each agent that logs in with it.',
    ),
  MAX_AGENTS_PER_USER: setting
    .int(1, 1_000_000)
    .default(5000)
    .describe('Agents that one account may have, connected or not.'),
  MAX_SUBSCRIPTIONS_PER_USER: setting
    .int(1, 1_000_000)
    .default(10_000)
    .describe('Commands that one account may follow or wait for at a time.'),
  MAX_OPEN_COMMANDS_PER_USER: setting
    .int(1, 1_000_000)
    .default(20_000)
    .describe('Commands that one account may have that have not ended, at each controller; one more is 429.'),
  MAX_OPEN_COMMANDS_PER_AGENT: setting
    .int(1, 1_000_000)
    .default(5000)
    .describe('The same for each agent, of all accounts together.'),
  MAX_REQUESTS_PER_MINUTE: setting
    .int(0, 1_000_000_000)
    .default(REQUESTS_PER_MINUTE)
    .describe(
      'Requests that one account, or one address before the login, may make in a minute at each controller; 0 for no limit. One more is 429.',
    ),
  ...reportSettings,
})

export type ControllerSettings = z.output<typeof controllerSchema>

/** The controller's settings from the environment. Throws SettingsError, one line a setting that is wrong. */
export function controllerSettings(env: Record<string, string | undefined>): ControllerSettings {
  const settings = parseSettings(controllerSchema, env)
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

function isSample(value: string | undefined): boolean {
  return value !== undefined && sampleSecrets.includes(value)
}
