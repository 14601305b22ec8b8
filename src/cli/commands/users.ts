import { UsageError } from '../errors/report.js'
import { asksController, type UsersAction, type UsersCall, type UsersFlags } from '../session/users-call.js'

/**
 * `ogent users`: the accounts of a running controller, by a login; without any login and any setting that names a controller,
 * or with `--local`, those of the data folder, or of REDIS_URL. `environment` gives the settings of the controller's role.
 */
export async function usersCommand(
  action: UsersAction,
  [name, ...words]: string[],
  flags: UsersFlags,
  environment: () => NodeJS.ProcessEnv,
): Promise<number> {
  if (name === undefined && action !== 'list')
    throw new UsageError(`whose account? Name it, as in: ogent users ${action} ann`)
  if (words.length > 0 && action !== 'roles')
    throw new UsageError(`ogent users ${action} takes one name: ${words[0]} is too much`)
  if (action === 'roles' && words.length === 0)
    throw new UsageError('which roles? Name them all, as in: ogent users roles ann operator')
  const call: UsersCall = { action, username: name ?? '', words, flags }
  if (asksController(flags)) return (await import('./users-remote.js')).remoteUsers(call)
  return (await import('./users-local.js')).localUsers(environment(), call)
}
