import { type LoginPlace, loginFile, loginKey, type SavedLogin } from '../../client/saved/login.js'
import { readUserFile } from '../../client/saved/user-file.js'
import { removeUserFile, writeUserFile } from './user-file.js'

/** Keeps a login. One without a context is where later calls go that name no address. */
export function saveLogin(place: LoginPlace, login: SavedLogin): void {
  const saved = readUserFile(loginFile)
  const key = loginKey(place)
  const current = place.context ? (saved?.current ?? loginKey({ url: place.url })) : key
  writeUserFile(loginFile, { current, logins: { ...saved?.logins, [key]: login } })
}

/** Forgets a login; false where there was none. */
export function forgetLogin(place: LoginPlace): boolean {
  const saved = readUserFile(loginFile)
  const key = loginKey(place)
  if (!saved?.logins[key]) return false
  const { [key]: _gone, ...logins } = saved.logins
  if (Object.keys(logins).length === 0) removeUserFile(loginFile)
  else writeUserFile(loginFile, { current: saved.current, logins })
  return true
}
