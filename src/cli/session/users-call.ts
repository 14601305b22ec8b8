import { currentContext } from '../../client/saved/contexts.js'
import { currentUrl } from '../../client/saved/login.js'
import { UsageError } from '../errors/report.js'
import type { ConnectionFlags } from './place.js'

/** What `ogent users` takes besides its action and names. */
export type UsersFlags = ConnectionFlags & {
  /** Of a new account; viewer. */
  role?: string[]
  service?: boolean
  /** The logins that `sessions` ends: the id of one, or `all`. */
  end?: string
  local?: boolean
  json?: boolean
}

/** What is to be done, with whom. */
export type UsersCall = { action: UsersAction; username: string; words: string[]; flags: UsersFlags }

export type UsersAction = 'list' | 'add' | 'roles' | 'lock' | 'unlock' | 'password' | 'remove' | 'sessions'

const SETTINGS = ['OGENT_URL', 'OGENT_TOKEN', 'OGENT_USERNAME', 'OGENT_PASSWORD'] as const

/**
 * Whether accounts are those of a running controller, by a login: where anything names a controller or a login. Without that it
 * is the folder of the controller on this machine, as it always was.
 */
export function asksController(flags: ConnectionFlags & { local?: boolean }): boolean {
  const named = [flags.url, flags.controller, flags.username].some((flag) => flag !== undefined)
  if (flags.local && named)
    throw new UsageError(
      '--local means the folder on this machine: leave out --url, --controller and --username',
    )
  if (flags.local) return false
  if (named || SETTINGS.some((name) => process.env[name])) return true
  return currentContext() !== undefined || currentUrl() !== undefined
}
