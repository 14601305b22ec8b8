import { randomBytes } from 'node:crypto'
import { accountsPlace, keepAccount, listAccounts, removeAccount } from '../server/main.js'
import { roleSchema } from '../shared/identity.js'
import { LocalError } from './next-step.js'
import { table, write, writeJson } from './output.js'
import { UsageError } from './report.js'

/** `ogent users`: the accounts of the controller's data folder, or of REDIS_URL. A running controller sees changes at once. */
export async function usersCommand(
  env: NodeJS.ProcessEnv,
  verb: string,
  username: string | undefined,
  flags: { role: string; json?: boolean },
): Promise<number> {
  const { name: place, used } = accountsPlace(env)
  if (!used) {
    process.stderr.write(
      `ogent: warning: no controller has used ${place} yet: run this in the folder of the controller, or set DATA_DIR to its own\n`,
    )
  }
  if (verb === 'list') {
    const accounts = await listAccounts(env)
    if (flags.json) {
      for (const { username, role } of accounts) await writeJson({ username, role })
      return 0
    }
    const rows = accounts.map((account) => [account.username, account.role])
    await write(process.stdout, table([['USER', 'ROLE'], ...rows]))
    return 0
  }
  if (username === undefined) throw new UsageError(`whose account? Name it, as in: ogent users ${verb} ann`)
  if (verb === 'add') return add(env, username, flags)
  if (await removeAccount(env, username)) {
    if (flags.json) await writeJson({ username, removed: true })
    else process.stdout.write(`${username} has no account in ${place} any more.\n`)
    return 0
  }
  throw new LocalError(
    `There is no account ${username} in ${place}.`,
    'See who has one: ogent users list. Where the controller has another data folder, set DATA_DIR to it.',
  )
}

/** The password comes from OGENT_NEW_PASSWORD; without it one is made up and told once. */
async function add(
  env: NodeJS.ProcessEnv,
  username: string,
  { role, json = false }: { role: string; json?: boolean },
): Promise<number> {
  const known = roleSchema.safeParse(role)
  if (!known.success) throw new UsageError('--role takes admin, operator, viewer or agent')
  const given = process.env.OGENT_NEW_PASSWORD
  const password = given || randomBytes(15).toString('base64url')
  await keepAccount(env, { username, password, role: known.data })
  if (json) await writeJson({ username, role, ...(given ? {} : { password }) })
  else {
    process.stdout.write(`${username} has the role ${role}, in ${accountsPlace(env).name}.\n`)
    if (!given) process.stdout.write(`Password of ${username}, told only this once: ${password}\n`)
  }
  return 0
}
