import { type Context, contexts, currentContext } from '../../client/saved/contexts.js'
import { hasEnded, loginFor, savedLogin } from '../../client/saved/login.js'
import { UsageError } from '../errors/report.js'
import { withoutPasswords, writeJson } from '../output/output.js'
import { writeTable } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { contextNameSchema, contextOf, keepContext, removeContext, useContext } from '../session/contexts.js'
import { checkUrl } from '../session/place.js'
import { forgetLogin } from '../session/saved-login.js'

export type ContextAddFlags = { url?: string; username?: string; passwordCommand?: string; use?: boolean }

/** `ogent context list`: the controllers that have names, and the one in use. */
export async function listContexts(flags: { json?: boolean }): Promise<number> {
  const current = currentContext()?.name
  const all = contexts()
  if (flags.json) {
    for (const { password_command, ...context } of all) {
      const login = savedLogin({ url: context.url, context })
      await writeJson({
        ...context,
        url: withoutPasswords(context.url),
        current: context.name === current,
        password_command: password_command ?? null,
        login: login ? { username: login.username, expires_at: login.expires_at } : null,
      })
    }
    return 0
  }
  await writeTable([
    ['IN USE', ...all.map(({ name }) => (name === current ? '*' : ''))],
    ['NAME', ...all.map(({ name }) => name)],
    ['CONTROLLER', ...all.map(({ url }) => withoutPasswords(url))],
    [
      'USER',
      ...all.map((context) => context.username ?? savedLogin({ url: context.url, context })?.username ?? ''),
    ],
    ['LOGIN', ...all.map(loginOf)],
  ])
  return 0
}

/** `ogent context add`: names a controller, and the account that is meant there. */
export async function addContext(name: string, flags: ContextAddFlags): Promise<number> {
  const { url, username, passwordCommand, use } = flags
  const parsed = contextNameSchema.safeParse(name)
  if (!parsed.success)
    throw new UsageError(`the name of a context ${parsed.error.issues[0]?.message}, got ${name}`)
  if (url === undefined) throw new UsageError(`where is it? ogent context add ${name} --url URL`)
  checkUrl(url)
  if (passwordCommand !== undefined && username === undefined) {
    throw new UsageError('--password-command goes with --username, whose password it prints')
  }
  const known = contexts().find((one) => one.name === name)
  // A login at another address is of no use any more.
  if (known && known.url !== url) forgetLogin({ url: known.url, context: known })
  keepContext({
    name,
    url,
    ...(username === undefined ? {} : { username }),
    ...(passwordCommand === undefined ? {} : { password_command: passwordCommand }),
  })
  if (use) useContext(name)
  const inUse = currentContext()?.name === name
  const next = inUse ? 'It is in use.' : `Use it: ogent context use ${name}`
  process.stdout.write(`${name} is ${withoutPasswords(url)}. ${next}\n`)
  return 0
}

/** `ogent context use`: later calls that name no address mean this controller. */
export async function useContextCommand(name: string): Promise<number> {
  const context = contextOf(name)
  useContext(name)
  process.stdout.write(`${name} is in use: ${withoutPasswords(context.url)}\n`)
  return 0
}

/** `ogent context remove`: forgets contexts, each with its login. */
export async function removeContexts(names: string[]): Promise<number> {
  for (const context of names.map(contextOf)) {
    forgetLogin({ url: context.url, context })
    removeContext(context.name)
    process.stdout.write(`${context.name} is removed.\n`)
  }
  return 0
}

function loginOf(context: Context): string {
  const { url, username, password_command } = context
  const login = savedLogin({ url, context })
  if (login && !hasEnded(login)) return `until ${login.expires_at}`
  const ofAddress = loginFor({ url }, username)
  if (ofAddress && !hasEnded(ofAddress)) return `that of its address, until ${ofAddress.expires_at}`
  if (password_command !== undefined) return 'by its command'
  return login ? `ended ${shownTime(login.expires_at)}` : 'none'
}
