import { userInfo } from 'node:os'
import { join } from 'node:path'

/** The home folder by HOME, where that says anything, else by the user's entry; / where there is neither. */
export function homeFolder(): string {
  const { HOME } = process.env
  if (HOME !== undefined && HOME !== '') return HOME
  try {
    const { homedir } = userInfo()
    return homedir === '' ? '/' : homedir
  } catch {
    // A user id without an entry, as in many containers.
    return '/'
  }
}

/** A path of a setting, in which `~` at its beginning is the home folder. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homeFolder(), path.slice(1)) : path
}
