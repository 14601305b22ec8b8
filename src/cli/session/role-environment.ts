import { config as loadDotenv } from 'dotenv'
import { type secretSettings, withSecretFiles } from '../../host/secret-files.js'
import { UsageError } from '../errors/report.js'

/**
 * The environment of a role: what is given as options, else what is in the environment, else in .env, which need not exist;
 * and a secret may be in a file of its own.
 * Throws UsageError for a .env that cannot be read, since what is in it would be missed in silence.
 */
export function roleEnvironment(
  role: keyof typeof secretSettings,
  given: Record<string, string> = {},
): NodeJS.ProcessEnv {
  const { error } = loadDotenv({ quiet: true })
  if (error && error.code !== 'ENOENT') {
    const mend = 'Let this user read it, or take it away: settings may be in the environment too'
    throw new UsageError(`the settings in .env cannot be read: ${error.message}. ${mend}.`)
  }
  return withSecretFiles({ ...process.env, ...given }, role)
}
