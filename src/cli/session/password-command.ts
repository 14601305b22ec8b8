import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { LocalError } from '../errors/next-step.js'

/** The first line that a shell line prints. It may ask at the terminal, as `pass` does for its passphrase. */
export async function passwordFrom(command: string): Promise<string> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['inherit', 'pipe', 'inherit'] })
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const [said, end] = await Promise.all([text(child.stdout), ended])
  const [password = ''] = said.split(/\r?\n/, 1)
  if (end === 'exit code 0' && password !== '') return password
  throw new LocalError(
    `The password command of the context gave no password (${end === 'exit code 0' ? 'it printed nothing' : end}).`,
    'It is run by /bin/sh, and prints the password alone. See: ogent context list --json',
  )
}
