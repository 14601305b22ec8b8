import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './folder.js'
import { accounts } from './system.js'

/** Passwords with what means something to a shell, or to systemd. */
export const passwords = [
  `it's "quoted"`,
  'a $HOME `id` $(id)',
  'back\\slash\\',
  ' blanks ',
  '#no=comment',
  'ü ä 漢字',
]

/** A folder to install an agent below, with the password of its account in a file. */
export type Place = { prefix: string; passwordFile: string; password: string; agent_id: string } & Disposable

let places = 1

export function placeToInstall(password: string = accounts.agent.password): Place {
  const folder = temporaryFolder('ogent-prefix-')
  const secret = temporaryFolder('ogent-password-')
  const passwordFile = join(secret.path, 'password')
  writeFileSync(passwordFile, password === '' ? '' : `${password}\n`)
  return {
    prefix: folder.path,
    passwordFile,
    password,
    agent_id: `installed-${places++}`,
    [Symbol.dispose]: () => {
      folder[Symbol.dispose]()
      secret[Symbol.dispose]()
    },
  }
}

/** What install.sh is given to write files alone there. */
export function installArgs({ prefix, passwordFile, agent_id }: Place): string[] {
  const account = ['--username', accounts.agent.username, '--password-file', passwordFile]
  return [
    ...account,
    '--agent-id',
    agent_id,
    '--labels=env=prod,role=web',
    '--no-service',
    '--prefix',
    prefix,
  ]
}
