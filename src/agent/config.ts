import { z } from 'zod'
import { expandHome } from '../host/home.js'
import { isPlaintextElsewhere } from '../host/loopback.js'
import {
  logFormats,
  logLevels,
  parseSettings,
  SettingsError,
  sampleSecrets,
  setting,
  shownAddress,
} from '../host/settings.js'
import { labelsSchema } from '../shared/agents/agent.js'
import { idSchema } from '../shared/commands/request.js'

const LABELS = 'takes name=value pairs with commas between, names of letters, digits and . _ / -'

const ENV_DENY = 'takes names of variables with commas between, where * matches any letters'

const schema = z.object({
  CONTROLLER_URL: setting.url(['http:', 'https:']).default('http://localhost:8001'),
  CONTROLLER_CA: setting.text().transform(expandHome).optional(),
  ALLOW_PLAINTEXT: setting.bool().default(false),
  AGENT_USERNAME: setting.text(),
  AGENT_PASSWORD: setting.text(),
  AGENT_ID: idSchema.optional(),
  AGENT_STATE_DIR: setting
    .text()
    .default('~/.ogent')
    .transform((path) => expandHome(path)),
  AGENT_LABELS: z
    .string()
    .transform(labelPairs)
    .refine((pairs) => pairs.every((pair) => pair.length === 2), LABELS)
    .transform((pairs) => Object.fromEntries(pairs))
    .refine((labels) => labelsSchema.safeParse(labels).success, LABELS)
    .default({}),
  RECONNECT_DELAY: setting.number(0.01, 3600).default(1),
  MAX_RECONNECT_ATTEMPTS: setting.int(0, 1_000_000).optional(),
  MAX_CONCURRENT_COMMANDS: setting.int(1, 1000).default(16),
  AGENT_GUARD: setting.oneOf(['off', 'block', 'strict']).default('off'),
  AGENT_ALLOW: z.string().transform(linesOf).optional(),
  AGENT_ENV_DENY: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .transform((names) => names.filter((name) => name !== ''))
    .refine((names) => names.every((name) => /^[A-Za-z_*][A-Za-z0-9_*]*$/.test(name)), ENV_DENY)
    .default([]),
  AGENT_TARGETS: setting.oneOf(['both', 'local', 'ssh']).default('both'),
  AGENT_CGROUPS: setting.bool().default(false),
  KILL_GRACE_SECONDS: setting.number(0, 3600).default(5),
  SSH_ENABLED: setting.bool().default(false),
  SSH_HOST: setting.text().optional(),
  SSH_PORT: setting.int(1, 65535).default(22),
  SSH_USERNAME: setting.text().optional(),
  SSH_PASSWORD: setting.text().optional(),
  SSH_KEY_PATH: setting.text().transform(expandHome).optional(),
  SSH_KEY_PASSPHRASE: setting.text().optional(),
  SSH_TIMEOUT: setting.number(0.1, 3600).default(10),
  SSH_KNOWN_HOSTS: setting
    .text()
    .default('~/.ssh/known_hosts')
    .transform((path) => expandHome(path)),
  SSH_HOST_FINGERPRINT: z
    .string()
    .regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, 'takes SHA256: and 43 characters, as ssh-keygen -l prints it')
    .optional(),
  // Not a setting of ours: where an ssh agent is set, its keys count too.
  SSH_AUTH_SOCK: z.string().optional(),
  REDIS_URL: z.string().optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting.url(['http:', 'https:']).optional(),
  LOG_LEVEL: setting.oneOf(logLevels).default('info'),
  LOG_FORMAT: setting.oneOf(logFormats).optional(),
})

export type AgentSettings = z.output<typeof schema>

/** The agent's settings from the environment. Throws SettingsError, one line a setting that is wrong. */
export function agentSettings(env: Record<string, string | undefined>): AgentSettings {
  const settings = parseSettings(schema, env)
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
