import { readSettingFile, wrongFile } from './certificates.js'
import { SettingsError } from './settings.js'

type Environment = Record<string, string | undefined>

/** Settings that may be in a file instead, whose path is in NAME_FILE: what an environment holds may get about. */
export const secretSettings = {
  controller: ['SECRET_KEY', 'ORDER_KEY', 'ADMIN_PASSWORD', 'REDIS_URL', 'OPENAI_API_KEY', 'METRICS_TOKEN'],
  agent: ['AGENT_JOIN_TOKEN', 'AGENT_PASSWORD', 'SSH_PASSWORD', 'SSH_KEY_PASSPHRASE'],
  // Its agent has an account of its own.
  start: [
    'SECRET_KEY',
    'ORDER_KEY',
    'ADMIN_PASSWORD',
    'REDIS_URL',
    'OPENAI_API_KEY',
    'METRICS_TOKEN',
    'SSH_PASSWORD',
    'SSH_KEY_PASSPHRASE',
  ],
} as const

const TAKES = 'a file with the secret alone'

/**
 * The environment with the secrets that are in files, and with empty names of the files. Throws SettingsError, one line
 * a setting that is wrong.
 */
export function withSecretFiles<T extends Environment>(env: T, role: keyof typeof secretSettings): T {
  const whole: Environment = { ...env }
  const faults: string[] = []
  for (const name of secretSettings[role]) {
    const setting = `${name}_FILE`
    const file = env[setting]?.trim()
    if (file === undefined || file === '') continue
    // Empty, not absent: a child with this environment is not to take it from .env again.
    whole[setting] = ''
    try {
      whole[name] = secretIn(setting, file, env[name])
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error
      faults.push(error.message)
    }
  }
  if (faults.length > 0) throw new SettingsError(faults.join('\n'))
  // Texts by the same names, and some more.
  return whole as T
}

function secretIn(setting: string, file: string, given: string | undefined): string {
  const name = setting.replace(/_FILE$/, '')
  if (given !== undefined && given.trim() !== '') {
    throw wrongFile(setting, file, TAKES, `${name} is set as well: leave out one of the two`)
  }
  // Editors and `echo` end a file with a newline, which is no part of a secret.
  const secret = readSettingFile(setting, file, TAKES).replace(/[\r\n]+$/, '')
  if (secret.trim() === '') throw wrongFile(setting, file, TAKES, 'it is empty')
  if (/[\0\r\n]/.test(secret)) throw wrongFile(setting, file, TAKES, 'it has more than one line')
  return secret
}
