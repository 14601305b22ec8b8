import { accessSync, chmodSync, constants, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { messageOf, systemCode } from '../shared/errors.js'
import { SettingsError } from './settings.js'

/** What either role keeps in its folder: both may have the same one, such as ~/.ogent. */
const OURS = [
  'agent',
  'agent-id',
  'agent-id.new',
  'agent.lock',
  'commands.jsonl',
  'commands.jsonl.new',
  'controller.lock',
  'deployment-id',
  'deployment-id.new',
  'hold.json',
  'journal',
  'linked',
  'secret-key',
  'secret-key.new',
  'users.json',
  'users.json.new',
]

/** Bits of a mode: what others than the owner may do; a folder where all users put files. */
const OTHERS = 0o077
const OTHERS_WRITE = 0o022
const ALL_USERS = 0o1002

/**
 * Makes the folder that a setting names, for its user alone, or takes the one that is there. One that others use as
 * well keeps its mode, since to close it would lock them out. Throws a SettingsError where there can be none; `warn`
 * is called with what its owner should know.
 */
export function takeFolder(folder: string, setting: string, warn: (sentence: string) => void): void {
  const refuse = (why: string) =>
    new SettingsError(`${setting}: got ${JSON.stringify(folder)}, takes a folder ${why}`)
  const path = resolve(folder)
  try {
    if (!isThere(path)) return make(path)
    if (!statSync(path).isDirectory()) throw new Error(`${path} is no folder`)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw refuse(`that this user may write to, and ${whyNot(error, path)}`)
  }
  const { mode, uid } = statSync(path)
  if ((mode & OTHERS) === 0) return
  const shown = (mode & 0o7777).toString(8).padStart(4, '0')
  const reason = reasonToLeave(path, mode, uid)
  if (reason === undefined) {
    chmodSync(path, 0o700)
    return warn(`${setting}: ${path} was open to others (mode ${shown}) and is its user's alone now.`)
  }
  const left = `${setting}: ${path} is open to others (mode ${shown}), and is left so since it ${reason}.`
  if ((mode & OTHERS_WRITE) === 0) {
    return warn(
      `${left} Files in it are closed to them, but not their names: better set a folder of its own.`,
    )
  }
  // A user who puts a file of our names there would choose the key that signs tokens.
  const planted = OURS.find((name) => isOfAnother(join(path, name)))
  if (planted !== undefined) throw refuse(`of this user, and ${planted} in it is another user's`)
  warn(`${left} Others may put files there: set a folder of its own.`)
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** One after the other: in /proc, Node.js tries for ever to make a folder with those above it. */
function make(path: string): void {
  const above = dirname(path)
  if (!isThere(above)) make(above)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process may have made it in this very moment.
    if (systemCode(error) !== 'EEXIST' || !isThere(path)) throw error
  }
}

function reasonToLeave(path: string, mode: number, uid: number): string | undefined {
  if (uid !== process.geteuid?.()) return "is another user's"
  if ((mode & ALL_USERS) !== 0) return 'is for all users'
  if (readdirSync(path).some((name) => !OURS.includes(name))) return 'holds other files too'
  return undefined
}

/** What is root's is as good as our own. */
function isOfAnother(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found !== undefined && found.uid !== 0 && found.uid !== process.geteuid?.()
}

function whyNot(error: unknown, path: string): string {
  switch (systemCode(error)) {
    case 'EACCES':
    case 'EPERM':
      return `permission is denied at ${path}`
    case 'EEXIST':
      return `${path} is a link that leads nowhere`
    case 'ENAMETOOLONG':
      return 'the name is too long'
    case 'ENOENT':
      return `nothing can be made at ${path}`
    case 'ENOSPC':
      return `there is no room at ${path}`
    case 'ENOTDIR':
      return 'a part of its path is a file'
    case 'EROFS':
      return `nothing can be written at ${path}`
    default:
      return messageOf(error)
  }
}
