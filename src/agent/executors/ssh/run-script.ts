import { resolvesWithin } from '../../../shared/async/timeout.js'
import { scriptLine } from './script.js'
import type { RemoteShell } from './shell.js'

/** More than any script of ours prints, in bytes; what comes after is not kept. */
const LONGEST_ANSWER = 256 * 1024

/** What a script printed. `ended`: by its end; else by the time-out, and it may go on. */
export type ScriptAnswer = { answer: string; ended: boolean }

/** Runs a script of our own in a waiting shell. */
export async function runScript(
  shell: RemoteShell,
  script: string,
  timeoutMs: number,
): Promise<ScriptAnswer> {
  const pieces: Buffer[] = []
  let bytes = 0
  shell.stderr.flowTo(() => {})
  shell.stdout.flowTo((data) => {
    bytes += data.length
    if (bytes <= LONGEST_ANSWER) pieces.push(data)
  })
  shell.run(scriptLine(script))
  const ended = await resolvesWithin(shell.closed, timeoutMs)
  if (!ended) shell.abandon()
  return { answer: Buffer.concat(pieces).toString('utf8'), ended }
}
