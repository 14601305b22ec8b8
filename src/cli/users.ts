import { randomBytes } from 'node:crypto'
import { accountsPlace, keepAccount, listAccounts, removeAccount } from '../server/main.js'
import { OgentError } from '../shared/errors.js'
import { roleSchema } from '../shared/identity.js'
import { table, writeJson } from './output.js'

/** `ogent users`: the accounts of the controller's data folder, or of REDIS_URL. A running controller sees changes at once. */
export async function usersCommand(
  env: NodeJS.ProcessEnv,
  verb: string,
  username: string | undefined,
  flags: { role: string; json?: boolean },
): Promise<number> {
  if (verb === 'list') {
    const accounts = await listAccounts(env)
    if (flags.json) {
      for (const { username, role } of accounts) await writeJson({ username, role })
      return 0
    }
    const rows = accounts.map((account) => [account.username, account.role])
    process.stdout.write(table([['USER', 'ROLE'], ...rows]))
    return 0
  }
  if (username === undefined) throw new OgentError('VALIDATION_FAILED', `ogent users ${verb} takes a name`)
  if (verb === 'add') return add(env, username, flags)
  if (verb !== 'remove') throw new OgentError('VALIDATION_FAILED', 'ogent users takes add, remove or list')
  if (await removeAccount(env, username)) {
    if (flags.json) await writeJson({ username, removed: true })
    return 0
  }
  throw new OgentError('NOT_FOUND', `There is no account ${username} in ${accountsPlace(env)}`)
}

/** The password comes from OGENT_NEW_PASSWORD; without it one is made up and told once. */
async function add(
  env: NodeJS.ProcessEnv,
  username: string,
  { role, json = false }: { role: string; json?: boolean },
): Promise<number> {
  const known = roleSchema.safeParse(role)
  if (!known.success)
    throw new OgentError('VALIDATION_FAILED', '--role takes admin, operator, viewer or agent')
  const given = process.env.OGENT_NEW_PASSWORD
  const password = given || randomBytes(15).toString('base64url')
  await keepAccount(env, { username, password, role: known.data })
  if (json) await writeJson({ username, role, ...(given ? {} : { password }) })
  else if (!given) process.stdout.write(`Password of ${username}, told only this once: ${password}\n`)
  return 0
}
