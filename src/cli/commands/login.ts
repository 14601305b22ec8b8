import { text } from 'node:stream/consumers'
import { savedLoginFile } from '../../client/saved-login.js'
import { UsageError } from '../errors/report.js'
import { printable, withoutPasswords, writeJson } from '../output/output.js'
import { ask, canAsk } from '../output/terminal.js'
import { type ConnectionFlags, controllerUrl, logIn, warnOfPlaintext } from '../session/connect.js'
import { forgetLogin, saveLogin } from '../session/saved-login.js'

export type LoginFlags = ConnectionFlags & { json?: boolean; passwordStdin?: boolean }

/** `ogent login`: takes a token and keeps it, for its user alone, until it ends. The password is not kept. */
export async function loginCommand(flags: LoginFlags): Promise<number> {
  const url = controllerUrl(flags)
  warnOfPlaintext(url)
  const username = flags.username ?? (process.env.OGENT_USERNAME || (await askFor('Name: ', '--username')))
  const login = await logIn(url, username, await passwordOf(username, flags))
  saveLogin(url, login)
  const { expires_at } = login
  if (flags.json)
    await writeJson({ url: withoutPasswords(url), username, expires_at, file: savedLoginFile() })
  else
    process.stdout.write(
      `${printable(username)} is logged in at ${withoutPasswords(url)} until ${expires_at}.\n`,
    )
  return 0
}

/** `ogent logout`: forgets what `ogent login` kept. */
export async function logoutCommand(flags: ConnectionFlags & { json?: boolean }): Promise<number> {
  const url = controllerUrl(flags)
  const gone = forgetLogin(url)
  const shown = withoutPasswords(url)
  if (flags.json) await writeJson({ url: shown, logged_out: gone })
  else process.stdout.write(gone ? `Logged out of ${shown}.\n` : `No login was saved for ${shown}.\n`)
  return 0
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
