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
const CONNECTED_MS = 30_000
/** So often it has to end by itself to count as failed: the first may be the end of the program before. */
const FAILURES = 2
/** A file in the agent's folder: src/agent/host/link-mark.ts. */
const MARK = 'linked'
/** What the agent says of a hold is a line. */
const STATE_BYTES = 1000

const stateSchema = z.object({
  pid: z.int(),
  open: z.int().min(0),
  held: z.int().min(0),
})
type State = z.output<typeof stateSchema>

/** Whether the agent's service runs, or systemd is about to start it again: it is to run. */
export async function isWanted(): Promise<boolean> {
  const state = await property('ActiveState')
  return state === 'active' || state === 'activating' || state === 'reloading'
}

/**
 * Has the agent start nothing new, and waits so long until nothing runs. Gives the number of commands that still run then: 0 means
 * that the agent may be restarted, within the next seconds. Throws a LocalError where the agent does not answer.
 */
export async function waitUntilIdle(
  folder: string,
  waitMs: number,
  onOpen: (commands: number) => void,
): Promise<number> {
  const began = performance.now()
  let pid = await mainPid()
  // Commands end with their agent: where none runs, none does.
  while (pid !== undefined) {
    const open = await waitForHold(pid, { folder, waitMs, began, onOpen })
    if (open !== 'ended') return open
    pid = await mainPid()
  }
  return 0
}

type Wait = { folder: string; waitMs: number; began: number; onOpen: (commands: number) => void }

/** The same for one process of the agent. */
async function waitForHold(pid: number, { folder, waitMs, began, onOpen }: Wait): Promise<number | 'ended'> {
  let askedAt = Number.NEGATIVE_INFINITY
  let said: number | undefined
  while (true) {
    const now = performance.now()
    if (now - askedAt >= ASK_MS) {
      if (!ask(pid)) return 'ended'
      askedAt = now
    }
    const state = readState(join(folder, 'hold.json'))
    // Of this process, and not left by one before it.
    const open = state?.pid === pid ? state.open : undefined
    if (open === 0) return ask(pid) ? 0 : 'ended'
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

/** Whether the agent is connected; it removes the mark while it is not. */
export function isConnected(folder: string): boolean {
  return statSync(join(folder, MARK), { throwIfNoEntry: false }) !== undefined
}

export type Restarted = 'connected' | 'failed' | 'not_connected'

/** Restarts the agent, and waits until it is connected, for 30 s at most; `failed`: it ends again and again, or is not started. */
export async function restart(folder: string): Promise<Restarted> {
  try {
    await systemctl('restart', UNIT)
  } catch {
    // Where the service has just failed, systemd's own restart may take the place of this one.
    if (!(await isWanted())) return 'failed'
  }
  const restarted = Date.now()
  const deadline = performance.now() + CONNECTED_MS
  let restarts = await restartCount()
  // It removes the mark of the agent before it as it starts, and renews its own for as long as it is connected.
  while (performance.now() < deadline) {
    const made = statSync(join(folder, MARK), { throwIfNoEntry: false })
    if (made && made.mtimeMs >= restarted) return 'connected'
    const count = await restartCount()
    if (count >= restarts + FAILURES) return 'failed'
    // It begins anew with a restart that was asked for.
    restarts = Math.min(restarts, count)
    await sleep(LOOK_MS)
  }
  return 'not_connected'
}

/** How often systemd has started it again by itself. */
async function restartCount(): Promise<number> {
  return Number(await property('NRestarts'))
}

/** The process of the agent's service; undefined where none runs. */
async function mainPid(): Promise<number | undefined> {
  const pid = Number(await property('MainPID'))
  return pid > 0 ? pid : undefined
}

/** False where there is no such process any more. */
function ask(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGUSR2')
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
    throw new LocalError(
      `The agent cannot be asked to hold: ${messageOf(error)}.`,
      `See: systemctl status ${UNIT}`,
    )
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

function property(name: string): Promise<string> {
  return systemctl('show', `--property=${name}`, '--value', UNIT)
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
