import type { Log } from '../telemetry/ports.js'
import { Accounts, temporaryUser } from './accounts.js'
import { hashPassword } from './passwords.js'
import type { EndedSession, GivenAccount, SharedRows, StoredUser } from './ports.js'
import { generatePassword } from './secrets.js'
import { newStoredUser } from './stored-user.js'

const OVERRULED =
  'the account of ADMIN_USERNAME is set by ADMIN_PASSWORD: the password and role that are kept for it do not count'

export type OpenAccountsOptions = {
  users: SharedRows<StoredUser>
  ended: SharedRows<EndedSession>
  /** Accounts that live as long as the controller. */
  given: readonly GivenAccount[]
  admin: { username: string; password: string | undefined }
  log: Log
}

export type OpenedAccounts = {
  accounts: Accounts
  /** Set when this start made up the admin's password. */
  generated: { username: string; password: string } | undefined
}

/** The accounts of a controller; its first start makes that of the admin, where no setting has one. */
export async function openAccounts(options: OpenAccountsOptions): Promise<OpenedAccounts> {
  const { admin, given, log } = options
  const { username, password } = admin
  const temporary = await Promise.all(given.map(temporaryOf))
  if (password !== undefined) temporary.push(await temporaryOf({ username, password, role: 'admin' }))
  const accounts = await Accounts.open({ ...options, temporary })
  try {
    const kept = await accounts.change((rows) => ({ change: {}, result: rows.has(username) }))
    if (kept && password !== undefined) log.warn({ username }, OVERRULED)
    if (kept || accounts.find(username)) return { accounts, generated: undefined }
    return { accounts, generated: await generateAdmin(accounts, username) }
  } catch (error) {
    accounts.close()
    throw error
  }
}

async function temporaryOf(account: GivenAccount): Promise<StoredUser> {
  const hash = 'password_hash' in account ? account.password_hash : await hashPassword(account.password)
  return temporaryUser(account.username, account.role, hash)
}

/** Of several controllers that start at once, one tells the password. */
async function generateAdmin(
  accounts: Accounts,
  username: string,
): Promise<{ username: string; password: string } | undefined> {
  const password = generatePassword()
  const user = newStoredUser({ username, roles: ['admin'], password_hash: await hashPassword(password) })
  return accounts.change((rows) =>
    rows.has(username)
      ? { change: {}, result: undefined }
      : { change: { put: [[username, user]] }, result: { username, password } },
  )
}
