import { OgentError } from '../../shared/errors.js'
import type { ProvenIdentity } from '../ports.js'
import type { Login } from './login.js'

/** Who a token proves, or why it proves nobody. */
export async function identify(
  login: Login,
  token: string | undefined,
): Promise<ProvenIdentity | OgentError> {
  if (token === undefined) return new OgentError('UNAUTHORIZED', 'Not authenticated')
  try {
    return await login.authenticate(token)
  } catch (error) {
    if (error instanceof OgentError) return error
    throw error
  }
}

/** The token of an `Authorization` header. */
export function bearerToken(header: string | undefined): string | undefined {
  return header?.match(/^Bearer +(\S+)$/i)?.[1]
}
