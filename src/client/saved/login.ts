import type { Context } from './contexts.js'
import { isRecord, parseEntries, readUserFile, type UserFile } from './user-file.js'

/** The logins that `ogent login` keeps. */
export type SavedLogins = {
  /** Where the last login without a context was: what is meant when no address is given. */
  current: string
  /** By the controller's address, and by the context where there is one: a token is shown to no other address. */
  logins: Record<string, SavedLogin>
}

/** Who is logged in somewhere, by a token that ends. */
export type SavedLogin = { username: string; token: string; expires_at: string }

/** Whose login is meant: that for an address, or that of a context with this address. */
export type LoginPlace = { url: string; context?: Pick<Context, 'name'> | undefined }

export const loginFile: UserFile<SavedLogins> = {
  name: 'login.json',
  what: 'the login',
  mend: 'log in again',
  parse(value) {
    if (!isRecord(value) || typeof value.current !== 'string') return undefined
    const logins = parseEntries(value.logins, parseLogin)
    return logins && { current: value.current, logins }
  },
}

/** The address of the last login; undefined where there was none. Throws as `readUserFile`. */
export function currentUrl(): string | undefined {
  return readUserFile(loginFile)?.current
}

/** The login of this context, or at this address, also one that has ended. Throws as `readUserFile`. */
export function savedLogin(place: LoginPlace): SavedLogin | undefined {
  return readUserFile(loginFile)?.logins[loginKey(place)]
}

/**
 * The login of a context, else that for its address: one that has not ended, where there is one, and of this account, where
 * one is named. Throws as `readUserFile`.
 */
export function loginFor({ url, context }: LoginPlace, username: string | undefined): SavedLogin | undefined {
  const found = [savedLogin({ url, context }), savedLogin({ url })].filter(
    (login) => login !== undefined && (!username || login.username === username),
  )
  return found.find((login) => login && !hasEnded(login)) ?? found[0]
}

export function hasEnded({ expires_at }: SavedLogin): boolean {
  return Date.parse(expires_at) <= Date.now()
}

/** The name under which a login is kept. No address has a blank, so no context has the key of an address. */
export function loginKey({ url, context }: LoginPlace): string {
  const address = new URL(url).href.replace(/\/+$/, '')
  return context ? `${context.name} ${address}` : address
}

function parseLogin({ username, token, expires_at }: Record<string, unknown>): SavedLogin | undefined {
  if (typeof username !== 'string' || typeof token !== 'string' || typeof expires_at !== 'string')
    return undefined
  return { username, token, expires_at }
}
