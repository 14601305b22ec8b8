import { execFile } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { sleep } from '../../shared/async/sleep.js'
import { messageOf, systemCode } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'

/** The agent's service, as systemd of this machine has it. */
const UNIT = 'ogent-agent'
const LOOK_MS = 200
/** A hold ends by itself after 20 s (src/agent/commands/hold.ts): it is asked for again so often, in ms. */
const ASK_MS = 5000
/** An agent says within moments that it holds; one that is being started may not hear the first time. */
const ANSWER_MS = 20_000
const CONNECTED_MS = 15_000
/** What the agent says of a hold is a line. */
const STATE_BYTES = 1000

const stateSchema = z.object({
  pid: z.int(),
  open: z.int().min(0),
  held: z.int().min(0),
})
type State = z.output<typeof stateSchema>

/** The process id of the agent's service; undefined where it does not run. */
export async function mainPid(): Promise<number | undefined> {
  const pid = Number(await systemctl('show', '--property=MainPID', '--value', UNIT))
  return pid > 0 ? pid : undefined
}

/**
 * Has the agent start nothing new, and waits so long until nothing runs. Gives the number of commands that still run then: 0 means
 * that the agent may be restarted, within the next seconds. Throws a LocalError where the agent does not answer.
 */
export async function waitUntilIdle(
  pid: number,
  folder: string,
  waitMs: number,
  onOpen: (commands: number) => void,
): Promise<number> {
  const began = performance.now()
  let askedAt = Number.NEGATIVE_INFINITY
  let said: number | undefined
  while (true) {
    const now = performance.now()
    if (now - askedAt >= ASK_MS) {
      ask(pid)
      askedAt = now
    }
    const state = readState(join(folder, 'hold.json'))
    // Of this process, and not left by one before it.
    const open = state?.pid === pid ? state.open : undefined
    if (open === 0) {
      ask(pid)
      return 0
    }
    if (open !== undefined && open !== said) onOpen(open)
    said = open ?? said
    if (said === undefined && now - began > ANSWER_MS) {
      throw new LocalError(
        'The agent does not say that it holds new commands back.',
        `See what it does: journalctl -u ${UNIT}`,
      )
    }
    if (said !== undefined && now - began > waitMs) return said
    await sleep(LOOK_MS)
  }
}

/** Restarts the agent, and waits until it is connected; false where it is not within 15 s. */
export async function restart(folder: string): Promise<boolean> {
  const mark = join(folder, 'linked')
  await systemctl('restart', UNIT)
  const restarted = Date.now()
  const deadline = performance.now() + CONNECTED_MS
  // It removes the mark of the agent before it as it starts, and makes its own once it is connected.
  while (performance.now() < deadline) {
    const made = statSync(mark, { throwIfNoEntry: false })
    if (made && made.mtimeMs >= restarted) return true
    await sleep(LOOK_MS)
  }
  return false
}

function ask(pid: number): void {
  try {
    process.kill(pid, 'SIGUSR2')
  } catch (error) {
    const why = systemCode(error) === 'ESRCH' ? 'it has ended meanwhile' : messageOf(error)
    throw new LocalError(`The agent cannot be asked to hold: ${why}.`, `See: systemctl status ${UNIT}`)
  }
}

/** The folder is the agent's, and its commands may write there too: nothing but a small plain file is read. */
function readState(file: string): State | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!fstatSync(descriptor).isFile()) return undefined
    const bytes = Buffer.alloc(STATE_BYTES)
    const length = readSync(descriptor, bytes)
    return stateSchema.safeParse(JSON.parse(bytes.toString('utf8', 0, length))).data
  } catch {
    // Not there yet, or just being written.
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

async function systemctl(...args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)('systemctl', args)).stdout.trim()
  } catch (error) {
    throw new LocalError(
      `systemctl ${args.join(' ')} failed: ${messageOf(error)}.`,
      'Run this as root: sudo …',
    )
  }
}
