import * as z from 'zod'
import { closest } from '../shared/closest.js'

/** How both sides read their settings from the environment: one line for each that is wrong, and no secret. */

/** Settings whose value must never be shown. */
const SECRET =
  /PASSWORD(?!S)|SECRET|API_KEY|METRICS_TOKEN|JOIN_TOKEN|PASSPHRASE|REDIS_URL|AUDIT_SINKS|ORDER_KEY$/

/** Settings whose address may contain a name and a password before the host. */
const ADDRESS = /URL|ENDPOINT|ORIGINS/

/** Thrown at the start with one line a setting. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** A setting as it is in the environment; one that is empty or blank counts as not set. */
export function givenSetting(env: Record<string, string | undefined>, name: string): string | undefined {
  const value = env[name]
  if (value === undefined || value.trim() === '') return undefined
  // A password may begin or end with a blank.
  return SECRET.test(name) ? value : value.trim()
}

/** An address as a log may show it: without a name and a password before its host. */
export function shownAddress(address: string): string {
  if (!URL.canParse(address)) return maskedText(address)
  const url = new URL(address)
  if (url.username === '' && url.password === '') return address
  url.username = '***'
  url.password = ''
  return url.href
}

/** Parses the environment. */
export function parseSettings<T extends z.ZodObject>(
  schema: T,
  env: Record<string, string | undefined>,
): z.output<T> {
  const given: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const value = givenSetting(env, name)
    if (value !== undefined) given[name] = value
  }
  const parsed = schema.safeParse(given)
  const issues = parsed.success ? [] : parsed.error.issues
  const wrong = issues.map((issue) => {
    const name = String(issue.path[0] ?? '')
    return `${name}: got ${shownValue(name, given[name])}, ${issue.message}`
  })
  const lines = [...wrong, ...unknownSettings(Object.keys(schema.shape), env)]
  if (parsed.success && lines.length === 0) return parsed.data
  throw new SettingsError(lines.join('\n'))
}

/** Variables with our prefix that are no settings of a role: of the CLI, the SDK, the tests, and of commands. */
export const OTHER_NAMES = [
  ...['OGENT_URL', 'OGENT_USERNAME', 'OGENT_PASSWORD', 'OGENT_NEW_PASSWORD', 'OGENT_TOKEN', 'OGENT_CA'],
  // Read by install.sh; and, of each role, what only looks like a setting of it: both may read one .env.
  ...['OGENT_JOIN_TOKEN', 'AGENT_PASSWORD', 'AGENT_PASSWORDS', 'ORDER_KEY', 'ORDER_KEYS'],
  ...['OGENT_COMMAND_ID', 'OGENT_STANDARD_INPUT', 'OGENT_ENDS_WITH_LAUNCHER'],
  ...['OGENT_REQUIRE_SERVICES', 'OGENT_TEST_LOAD', 'OGENT_SEED', 'OGENT_SEQUENCE', 'OGENT_FUZZ'],
  ...['OGENT_SOAK_MINUTES', 'OGENT_FAULTS', 'OGENT_FAULTS_REPORT'],
]

/** What Kubernetes and Docker set for a service of that name. */
const SERVICE_LINK = /^OGENT\w*_(SERVICE_(HOST|PORT\w*)|PORT|PORT_\d+_(TCP|UDP)\w*|NAME|ENV_\w+)$/

/** Letters by which the name of a variable may differ from a setting and still be that setting, with a typing error. */
const TYPING_ERROR = 2

/**
 * A line for each variable that is probably meant as a setting and is none. With our own prefix that is any; other
 * prefixes, such as SSH_ and MAX_, are those of other programs too.
 */
function unknownSettings(known: string[], env: Record<string, string | undefined>): string[] {
  const prefixes = new Set(known.filter((name) => name.includes('_')).map(prefixOf))
  const names = Object.keys(env).filter((name) => givenSetting(env, name) !== undefined)
  return names.flatMap((name) => {
    if (known.includes(name) || OTHER_NAMES.includes(name) || SERVICE_LINK.test(name)) return []
    if (name.startsWith('OGENT_')) {
      const bare = name.slice('OGENT_'.length)
      const meant = closest(bare, known) ?? closest(name, OTHER_NAMES)
      return [`${name}: is not a setting${meant ? `, did you mean ${meant}?` : ': unset it'}`]
    }
    const meant = prefixes.has(prefixOf(name)) ? closest(name, known, TYPING_ERROR) : undefined
    return meant ? [`${name}: is not a setting, did you mean ${meant}? Rename it, or unset it`] : []
  })
}

function prefixOf(name: string): string {
  return name.split('_', 1)[0] ?? name
}

function shownValue(name: string, value: string | undefined): string {
  if (value === undefined) return 'nothing'
  if (SECRET.test(name)) return 'a value that is not shown'
  return JSON.stringify(ADDRESS.test(name) ? maskedText(value) : value)
}

/** Of what is no address: up to the last @, since a password that should have been escaped may hold one, or a slash. */
function maskedText(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@')
}

const TRUE = ['true', '1', 'yes', 'on']
const FALSE = ['false', '0', 'no', 'off']

export const setting = {
  text: (says = 'takes a text') => z.string(says).min(1, says),
  bool: () =>
    z
      .string()
      .transform((text) => text.toLowerCase())
      .refine((text) => TRUE.includes(text) || FALSE.includes(text), 'takes true or false')
      .transform((text) => TRUE.includes(text)),
  number: (min: number, max: number) => {
    const says = `takes a number from ${min} to ${max}`
    return z
      .string(says)
      .regex(/^\d*\.?\d+$/, says)
      .transform(Number)
      .refine((value) => value >= min && value <= max, says)
  },
  int: (min: number, max: number) => {
    const says = `takes a whole number from ${min} to ${max}`
    return z
      .string(says)
      .regex(/^\d+$/, says)
      .transform(Number)
      .refine((value) => value >= min && value <= max, says)
  },
  url: (protocols: string[]) => {
    const says = `takes a URL that begins with ${protocols.map((name) => `${name}//`).join(' or ')}`
    return z
      .string(says)
      .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), says)
  },
  list: () =>
    z.string().transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    ),
  oneOf: <const T extends readonly string[]>(values: T) => z.enum(values, `takes ${values.join(', ')}`),
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const logFormats = ['json', 'text'] as const
export type LogFormat = (typeof logFormats)[number]

/** What each role says of itself, and how. */
export const reportSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: setting
    .url(['http:', 'https:'])
    .optional()
    .describe('Base address of an OpenTelemetry receiver (OTLP over HTTP) for traces of commands.'),
  LOG_LEVEL: setting
    .oneOf(logLevels)
    .default('info')
    .describe('How much to log: trace, debug, info, warn, error, fatal or silent.'),
  LOG_FORMAT: setting
    .oneOf(logFormats)
    .optional()
    .describe('Whether to log as json or as text for people; text where stderr is a terminal, else json.'),
}

/** Of both roles. */
export const allowPlaintext = setting
  .bool()
  .default(false)
  .describe(
    'Whether connections with other machines may do without TLS (else warned of, refused in production).',
  )

/** Values that the specification and the documents show, which everyone can read: loud in development, refused in production. */
export const sampleSecrets: readonly string[] = [
  'your-secret-key',
  'password',
  'your-openai-api-key',
  'choose-a-password',
  'choose-another',
  'choose-a-third',
]
