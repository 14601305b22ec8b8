import { userInfo } from 'node:os'

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
