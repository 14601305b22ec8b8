import { randomBytes } from 'node:crypto'
import {
  accountFault,
  accountsPlace,
  isAdminName,
  isSetBySettings,
  keepAccount,
  listAccounts,
  removeAccount,
} from '../../server/main.js'
import { roleSchema } from '../../shared/access/identity.js'
import { LocalError } from '../errors/next-step.js'
import { UsageError } from '../errors/report.js'
import { printable, write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'

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
      `ogent: warning: no controller has used ${place} yet: run this as the user of the controller, or set DATA_DIR to its folder\n`,
    )
  }
  if (verb === 'list') {
    const accounts = await listAccounts(env)
    if (flags.json) {
      for (const { username, roles } of accounts) await writeJson({ username, role: roles[0] ?? null, roles })
      return 0
    }
    const rows = accounts.map((account) => [account.username, account.roles.join(', ')])
    await write(process.stdout, table([['USER', 'ROLE'], ...rows]))
    return 0
  }
  if (username === undefined) throw new UsageError(`whose account? Name it, as in: ogent users ${verb} ann`)
  if (isSetBySettings(env, username)) throw setBySettings(username, verb)
  if (verb === 'add') return add(env, username, flags)
  if (await removeAccount(env, username)) {
    if (flags.json) await writeJson({ username, removed: true })
    else process.stdout.write(`${printable(username)} has no account in ${place} any more.\n`)
    return 0
  }
  throw new LocalError(
    `There is no account ${username} in ${place}.`,
    'See who has one: ogent users list. Where the controller has another data folder, set DATA_DIR to it.',
  )
}

/** What is kept of that account is never asked: a change would look done, and the old password would open as before. */
function setBySettings(username: string, verb: string): LocalError {
  return new LocalError(
    `The account ${username} is set by ADMIN_PASSWORD: to ${verb} it here would change nothing.`,
    'Change ADMIN_PASSWORD in the settings of the controller, or take it out there and here, and restart the controller.',
  )
}

const OVERRULED =
  'ogent: a controller that has ADMIN_PASSWORD in its settings takes that one for this name, and not what is kept here\n'

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
  const account = { username, password, role: known.data }
  const fault = accountFault(env, account)
  if (fault !== undefined) throw new UsageError(fault)
  await keepAccount(env, account)
  if (isAdminName(env, username)) process.stderr.write(OVERRULED)
  if (json) await writeJson({ username, role, ...(given ? {} : { password }) })
  else {
    process.stdout.write(`${username} has the role ${role}, in ${accountsPlace(env).name}.\n`)
    if (!given) process.stdout.write(`Password of ${username}, told only this once: ${password}\n`)
  }
  return 0
}
