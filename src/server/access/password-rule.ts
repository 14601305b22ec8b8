import { OgentError } from '../../shared/errors.js'

/** Why a password will not do, after "it"; undefined where nothing speaks against it. `person`: people use it, not agents alone. */
export type PasswordRule = (password: string, of: { person: boolean }) => string | undefined

/** Throws VALIDATION_FAILED. */
export function assertPassword(rule: PasswordRule, password: string, roles: readonly string[]): void {
  const isAgent = roles.length === 1 && roles[0] === 'agent'
  const msg = rule(password, { person: !isAgent })
  if (msg === undefined) return
  throw new OgentError('VALIDATION_FAILED', `password: ${msg}`, {
    issues: [{ loc: ['body', 'password'], msg, type: 'invalid_value' }],
  })
}
