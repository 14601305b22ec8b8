import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'

/** Whether a person is there to be asked. */
export function canAsk(): boolean {
  return Boolean(process.stdin.isTTY && process.stderr.isTTY)
}

/** Asks on stderr, so that stdout stays for what was asked for; a secret is not shown while it is typed. */
export async function ask(question: string, { secret = false } = {}): Promise<string> {
  // A secret is never shown, so the line editor, which would repeat it, gets nowhere to write.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const output = secret ? nowhere : process.stderr
  const reader = createInterface({ input: process.stdin, output, terminal: true })
  // In raw mode Ctrl-C is a key like any other.
  reader.once('SIGINT', () => {
    process.stderr.write('\n')
    process.exit(130)
  })
  try {
    if (secret) process.stderr.write(question)
    return await reader.question(secret ? '' : question)
  } finally {
    reader.close()
    if (secret) process.stderr.write('\n')
  }
}
