import { randomBytes } from 'node:crypto'
import { UsageError } from '../errors/report.js'
import { ask, canAsk } from '../output/terminal.js'

const RANDOM_BYTES = 15

/** A password for another account, and whether it was made up here, so that it has to be shown once. */
export type NewPassword = { password: string; madeUp: boolean }

/** From OGENT_NEW_PASSWORD, else made up: never from the command line, which others on this machine can read. */
export function givenPassword(): NewPassword {
  const given = process.env.OGENT_NEW_PASSWORD
  if (given) return { password: given, madeUp: false }
  return { password: randomBytes(RANDOM_BYTES).toString('base64url'), madeUp: true }
}

/** The same, and asked for where a person is at the terminal; none typed: made up. */
export async function newPassword(username: string): Promise<NewPassword> {
  if (process.env.OGENT_NEW_PASSWORD || !canAsk()) return givenPassword()
  const password = await ask(`New password of ${username} (none: one is made up): `, { secret: true })
  if (password === '') return givenPassword()
  if ((await ask('The same again: ', { secret: true })) === password) return { password, madeUp: false }
  throw new UsageError('the two are not the same: nothing was changed')
}

/** The password until now, of one's own account. */
export async function currentPassword(username: string): Promise<string> {
  const { OGENT_PASSWORD } = process.env
  if (OGENT_PASSWORD) return OGENT_PASSWORD
  if (canAsk()) return ask(`Current password of ${username}: `, { secret: true })
  throw new UsageError(
    'your own password takes the current one: set OGENT_PASSWORD, or call this at a terminal',
  )
}
