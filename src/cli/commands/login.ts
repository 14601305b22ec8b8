import { text } from 'node:stream/consumers'
import { currentContext } from '../../client/saved/contexts.js'
import { loginFile } from '../../client/saved/login.js'
import { userFilePath } from '../../client/saved/user-file.js'
import { UsageError } from '../errors/report.js'
import { printable, withoutPasswords, writeJson } from '../output/output.js'
import { ask, canAsk } from '../output/terminal.js'
import { type ConnectionFlags, logIn, warnOfPlaintext } from '../session/connect.js'
import { useContext } from '../session/contexts.js'
import { type Place, placeOf } from '../session/place.js'
import { forgetLogin, saveLogin } from '../session/saved-login.js'

export type LoginFlags = ConnectionFlags & { json?: boolean; passwordStdin?: boolean }

/** `ogent login`: takes a token and keeps it, for its user alone, until it ends. The password is not kept. */
export async function loginCommand(flags: LoginFlags): Promise<number> {
  const place = placeFor(flags)
  const { url, context } = place
  warnOfPlaintext(url)
  const username =
    flags.username ??
    (process.env.OGENT_USERNAME || context?.username || (await askFor('Name: ', '--username')))
  const login = await logIn(url, username, await passwordOf(username, flags))
  saveLogin(place, login)
  const { expires_at } = login
  if (flags.json)
    await writeJson({ url: withoutPasswords(url), username, expires_at, file: userFilePath(loginFile) })
  else
    process.stdout.write(
      `${printable(username)} is logged in at ${withoutPasswords(url)} until ${expires_at}.\n`,
    )
  return 0
}

/** `ogent logout`: forgets what `ogent login` kept. */
export async function logoutCommand(flags: ConnectionFlags & { json?: boolean }): Promise<number> {
  const place = placeOf(flags)
  const { url } = place
  const gone = forgetLogin(place)
  const shown = withoutPasswords(url)
  if (flags.json) await writeJson({ url: shown, logged_out: gone })
  else process.stdout.write(gone ? `Logged out of ${shown}.\n` : `No login was saved for ${shown}.\n`)
  return 0
}

/** A login at an address that is named means later calls as well: no context is in use then. */
function placeFor(flags: ConnectionFlags): Place {
  const place = placeOf(flags)
  const before = currentContext()
  if (place.by === '--url' && before) {
    useContext(undefined)
    process.stderr.write(
      `ogent: the context ${before.name} is no longer in use: ogent context use ${before.name}\n`,
    )
  }
  return place
}

async function passwordOf(username: string, { passwordStdin }: LoginFlags): Promise<string> {
  if (passwordStdin) return (await text(process.stdin)).replace(/\r?\n$/, '')
  const { OGENT_PASSWORD } = process.env
  return OGENT_PASSWORD || askFor(`Password of ${username}: `, '--password-stdin, or OGENT_PASSWORD', true)
}

async function askFor(question: string, otherwise: string, secret = false): Promise<string> {
  if (canAsk()) return ask(question, { secret })
  throw new UsageError(`There is no terminal to ask at: give ${otherwise}.`)
}
