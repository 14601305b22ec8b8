import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { expandHome } from '../host/home.js'
import { isPlaintextElsewhere } from '../host/loopback.js'
import {
  allowPlaintext,
  parseSettings,
  reportSettings,
  SettingsError,
  sampleSecrets,
  setting,
  shownAddress,
} from '../host/settings.js'
import { parseJoinToken } from '../shared/access/join.js'
import { labelsSchema } from '../shared/agents/agent.js'
import { idSchema } from '../shared/commands/request.js'
import { KEY_FILE } from './enrolment/key-file.js'

const LABELS = 'takes name=value pairs with commas between, names of letters, digits and . _ / -'

const ENV_DENY = 'takes names of variables with commas between, where * matches any letters'

export const agentSchema = z.object({
  CONTROLLER_URL: setting
    .url(['http:', 'https:'])
    .default('http://localhost:8001')
    .describe('Where the controller is; http:// or https://.'),
  CONTROLLER_CA: setting
    .text()
    .transform(expandHome)
    .optional()
    .describe(
      'File with certificates to trust instead of those that Node.js comes with, PEM; for a controller with one of your own.',
    ),
  ALLOW_PLAINTEXT: allowPlaintext,
  AGENT_JOIN_TOKEN: setting
    .text()
    .refine(
      (token) => parseJoinToken(token) !== undefined,
      'takes a join token, as ogent join-tokens create makes it',
    )
    .optional()
    .describe(
      'Join token by which this agent gets a key of its own at its first start; then the key in AGENT_STATE_DIR is enough.',
    ),
  AGENT_USERNAME: setting
    .text()
    .optional()
    .describe('Account to log in with, where this agent has no key of its own.'),
  AGENT_PASSWORD: setting.text().optional().describe('Password of that account.'),
  AGENT_ID: idSchema
    .optional()
    .describe('Name of this agent; without it the controller issues one, which is kept in AGENT_STATE_DIR.'),
  AGENT_STATE_DIR: setting
    .text()
    .default('~/.ogent')
    .transform((path) => expandHome(path))
    .describe('Folder for what an agent has to remember; one for each agent.'),
  AGENT_LABELS: z
    .string()
    .transform(labelPairs)
    .refine((pairs) => pairs.every((pair) => pair.length === 2), LABELS)
    .transform((pairs) => Object.fromEntries(pairs))
    .refine((labels) => labelsSchema.safeParse(labels).success, LABELS)
    .default({})
    .describe('What to tell agents by, such as env=prod,role=web.'),
  RECONNECT_DELAY: setting
    .number(0.01, 3600)
    .default(1)
    .describe(
      'The wait before another try to connect is a random part of this many seconds, and of half the outage so far.',
    ),
  MAX_RECONNECT_ATTEMPTS: setting
    .int(0, 1_000_000)
    .optional()
    .describe('Tries in a row before giving up; without it there is no end to them.'),
  MAX_CONCURRENT_COMMANDS: setting
    .int(1, 1000)
    .default(16)
    .describe('Commands that run at a time; more have to wait.'),
  AGENT_GUARD: setting
    .oneOf(['off', 'block', 'strict'])
    .default('off')
    .describe(
      "The agent's own last word on dangerous commands: off, block (high risks are refused) or strict (all but low ones are).",
    ),
  AGENT_ALLOW: z
    .string()
    .transform(linesOf)
    .optional()
    .describe(
      'The only commands that this agent runs, one a line or with ;; between; * matches characters without a meaning to a shell.',
    ),
  AGENT_ENV_DENY: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .transform((names) => names.filter((name) => name !== ''))
    .refine((names) => names.every((name) => /^[A-Za-z_*][A-Za-z0-9_*]*$/.test(name)), ENV_DENY)
    .default([])
    .describe(
      'Names of variables that this agent takes from no request, with commas between; * matches any letters.',
    ),
  AGENT_TARGETS: setting
    .oneOf(['both', 'local', 'ssh'])
    .default('both')
    .describe('Where this agent runs commands, against what a request asks for too: both, local or ssh.'),
  ORDER_SIGNATURES: setting
    .oneOf(['off', 'warn', 'require'])
    .optional()
    .describe(
      'What becomes of orders that no known controller has signed: off (they run), warn, or require (they are refused); require where order keys are known, else off.',
    ),
  ORDER_KEYS: setting
    .list()
    .refine(
      (keys) => keys.every((key) => /^[\w-]{43}$/.test(key)),
      'takes public keys, 43 characters of base64url each',
    )
    .default([])
    .describe('Public keys of controllers whose orders are carried out, with commas between.'),
  AGENT_CGROUPS: setting
    .bool()
    .default(false)
    .describe(
      'A control group for each local command, where one can be made: its end reaches all, its start takes milliseconds longer.',
    ),
  KILL_GRACE_SECONDS: setting
    .number(0, 3600)
    .default(5)
    .describe('Between asking a command to end and forcing it, in seconds.'),
  SSH_ENABLED: setting
    .bool()
    .default(false)
    .describe('Whether commands can be run on another machine over SSH: true or false.'),
  SSH_HOST: setting.text().optional().describe('Name or address of that machine.'),
  SSH_PORT: setting.int(1, 65535).default(22).describe('Its SSH port.'),
  SSH_USERNAME: setting.text().optional().describe('Account on that machine.'),
  SSH_PASSWORD: setting.text().optional().describe('Password of that account, where no key is used.'),
  SSH_KEY_PATH: setting.text().transform(expandHome).optional().describe('Private key to log in with.'),
  SSH_KEY_PASSPHRASE: setting.text().optional().describe('Passphrase of that key.'),
  SSH_TIMEOUT: setting.number(0.1, 3600).default(10).describe('How long connecting may take, in seconds.'),
  SSH_KNOWN_HOSTS: setting
    .text()
    .default('~/.ssh/known_hosts')
    .transform((path) => expandHome(path))
    .describe('File with the keys of hosts that are trusted.'),
  SSH_HOST_FINGERPRINT: z
    .string()
    .regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, 'takes SHA256: and 43 characters, as ssh-keygen -l prints it')
    .optional()
    .describe('Key of the host as ssh-keygen -l prints it (SHA256:...), to be trusted without that file.'),
  // Not a setting of ours: where an ssh agent is set, its keys count too.
  SSH_AUTH_SOCK: z.string().optional(),
  REDIS_URL: z.string().optional(),
  ...reportSettings,
})

export type AgentSettings = z.output<typeof agentSchema>

/** All settings at their defaults. */
export function defaultAgentSettings(): AgentSettings {
  return parseSettings(agentSchema, {})
}

/** Throws SettingsError where this agent has nothing to log in with. */
export function assertLogin(settings: AgentSettings): void {
  const { AGENT_JOIN_TOKEN, AGENT_USERNAME, AGENT_PASSWORD, AGENT_STATE_DIR } = settings
  if (AGENT_JOIN_TOKEN !== undefined) return
  if (AGENT_USERNAME !== undefined && AGENT_PASSWORD !== undefined) return
  if (existsSync(join(AGENT_STATE_DIR, KEY_FILE))) return
  const missing =
    AGENT_USERNAME !== undefined
      ? 'AGENT_PASSWORD'
      : AGENT_PASSWORD !== undefined
        ? 'AGENT_USERNAME'
        : undefined
  if (missing !== undefined)
    throw new SettingsError(`${missing}: got nothing, takes a text, since the other of the two is set`)
  throw new SettingsError(
    'AGENT_JOIN_TOKEN: got nothing, takes a join token, as `ogent join-tokens create` makes it; or set AGENT_USERNAME and AGENT_PASSWORD. ' +
      `There is no key of an agent in ${AGENT_STATE_DIR} yet`,
  )
}

/** The agent's settings from the environment. Throws SettingsError, one line a setting that is wrong. */
export function agentSettings(env: Record<string, string | undefined>): AgentSettings {
  const settings = parseSettings(agentSchema, env)
  if (settings.SSH_ENABLED) {
    const missing = (['SSH_HOST', 'SSH_USERNAME'] as const).filter((name) => settings[name] === undefined)
    if (missing.length > 0) {
      const lines = missing.map((name) => `${name}: got nothing, takes a text, since SSH_ENABLED is true`)
      throw new SettingsError(lines.join('\n'))
    }
  }
  if (settings.AGENT_TARGETS === 'ssh' && !settings.SSH_ENABLED) {
    throw new SettingsError('AGENT_TARGETS: got ssh, takes both or local, since SSH_ENABLED is false')
  }
  assertLogin(settings)
  const faults = env.NODE_ENV === 'production' ? productionFaults(settings) : []
  if (faults.length > 0) throw new SettingsError(faults.join('\n'))
  return settings
}

/** What is warned of elsewhere, and refused where NODE_ENV is production. */
function productionFaults(settings: AgentSettings): string[] {
  const faults = samplesIn(settings).map(
    (name) => `${name}: got a sample value of the documentation, takes one of your own`,
  )
  if (isPlaintext(settings)) {
    faults.push(
      `CONTROLLER_URL: got ${JSON.stringify(shownAddress(settings.CONTROLLER_URL))}, takes one that begins with https:// for another machine: ` +
        'else the password, the commands and their output can be read on the network. ALLOW_PLAINTEXT=true allows that',
    )
  }
  return faults
}

function isPlaintext({ CONTROLLER_URL, ALLOW_PLAINTEXT }: AgentSettings): boolean {
  return !ALLOW_PLAINTEXT && isPlaintextElsewhere(CONTROLLER_URL)
}

/** What an operator should hear at the start. */
export function settingsNotices(settings: AgentSettings): string[] {
  const notices = samplesIn(settings).map(
    (name) => `${name} has a sample value of the documentation: everyone knows it.`,
  )
  if (isPlaintext(settings)) {
    notices.push(
      `${shownAddress(settings.CONTROLLER_URL)} is not encrypted: the password, the commands and their output can be read on the network. Use https://, or set ALLOW_PLAINTEXT=true where something else encrypts.`,
    )
  }
  if (settings.REDIS_URL !== undefined) {
    notices.push('REDIS_URL is ignored: agents talk to the controller only.')
  }
  return notices
}

function samplesIn(settings: AgentSettings) {
  const names = ['AGENT_PASSWORD', 'SSH_PASSWORD'] as const
  return names.filter((name) => sampleSecrets.includes(settings[name] ?? ''))
}

/** Each line is a command, as it is but for blanks at its ends; `;;` also ends a line, for files that hold one. */
function linesOf(text: string): string[] {
  const lines = text.split(/\n|;;/).map((line) => line.trim())
  return lines.filter((line) => line !== '')
}

/** A part without = stays alone: as a label it could not be chosen by. */
function labelPairs(text: string): string[][] {
  const parts = text.split(',').map((part) => part.trim())
  return parts
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [part] : [part.slice(0, at).trim(), part.slice(at + 1).trim()]
    })
}
