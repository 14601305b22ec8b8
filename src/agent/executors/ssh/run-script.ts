import { within } from '../left-behind.js'
import { scriptLine } from './script.js'
import type { RemoteShell } from './shell.js'

/** More than any script of ours prints, in bytes; what comes after is not kept. */
const LONGEST_ANSWER = 256 * 1024

/** Runs a script of our own in a waiting shell; gives what it printed by its end, or by the time-out. */
export async function runScript(shell: RemoteShell, script: string, timeoutMs: number): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  shell.stderr.flowTo(() => {})
  shell.stdout.flowTo((data) => {
    bytes += data.length
    if (bytes <= LONGEST_ANSWER) pieces.push(data)
  })
  shell.run(scriptLine(script))
  if (!(await within(shell.closed, timeoutMs))) shell.abandon()
  return Buffer.concat(pieces).toString('utf8')
}
