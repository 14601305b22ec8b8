import {
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../shared/async/sleep.js'
import { systemCode } from '../shared/errors.js'
import { markOf } from './process-mark.js'

/** Who holds a folder. What could not be found out is missing: without /proc, or with a part of it hidden. */
type Holder = { pgid: number; started?: string; boot?: string; ns?: string }

/** A holder gives a sign of life this often, in ms, by the time of its lock file. */
const BEAT_MS = 1000
/** One that gave none for so long is gone, in ms. It is measured by the clock of who waits alone. */
const QUIET_MS = 6000
const LOOK_MS = 100

/**
 * Holds a folder for one process of a role. Whether another that holds it is still alive is seen at once where it is
 * of this machine and container: by its number and start. Elsewhere, as in a container with the same volume, only its
 * signs of life can tell, which takes seconds.
 */
export class FolderLock {
  /** Folders that this very process holds. */
  static readonly #held = new Set<string>()

  readonly #file: string
  readonly #text: string
  readonly #beat: NodeJS.Timeout

  private constructor(file: string, text: string) {
    this.#file = file
    this.#text = text
    FolderLock.#held.add(file)
    this.#beat = setInterval(() => touch(file), BEAT_MS).unref()
  }

  /** Rejects when another process that is alive holds the folder; `mend` says what to do then. */
  static async take(folder: string, role: string, mend: string): Promise<FolderLock> {
    const file = join(realpathSync(folder), `${role}.lock`)
    const holder = read(file)
    const known = `${folder} is in use by the ${role} with process id ${holder?.pgid}: ${mend}`
    if (FolderLock.#held.has(file)) throw new Error(known)
    const state = holder === undefined ? 'gone' : stateOf(holder)
    if (state === 'alive') throw new Error(known)
    if (state === 'unknown' && (await givesSigns(file))) {
      throw new Error(`${folder} is in use by the ${role} of another container or machine: ${mend}`)
    }
    rmSync(file, { force: true })
    const text = JSON.stringify(self())
    // Fails where another takes it in this very moment.
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
    return new FolderLock(file, text)
  }

  release(): void {
    clearInterval(this.#beat)
    FolderLock.#held.delete(this.#file)
    if (textOf(this.#file) === this.#text) rmSync(this.#file, { force: true })
  }
}

function self(): Holder {
  const ns = namespace()
  return { pgid: process.pid, ...markOf(process.pid), ...(ns === undefined ? {} : { ns }) }
}

/** A number means the same process within one space of numbers only: containers have one each. */
function namespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return undefined
  }
}

function stateOf(holder: Holder): 'alive' | 'gone' | 'unknown' {
  const { pgid, started, boot, ns } = holder
  const here = self()
  const isFrom = boot !== undefined && boot === here.boot && ns !== undefined && ns === here.ns
  if (!isFrom || started === undefined) return 'unknown'
  if (!exists(pgid)) return 'gone'
  const now = markOf(pgid)
  if (now === undefined) return 'unknown'
  return now.started === started ? 'alive' : 'gone'
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // One of another user is there all the same.
    return systemCode(error) !== 'ESRCH'
  }
}

/** Whether the lock file is written or touched while one looks on. */
async function givesSigns(file: string): Promise<boolean> {
  const before = timeOf(file)
  const until = performance.now() + QUIET_MS
  while (performance.now() < until) {
    await sleep(LOOK_MS)
    const now = timeOf(file)
    if (now === undefined) return false
    if (now !== before) return true
  }
  return false
}

function timeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

function touch(file: string): void {
  try {
    const now = new Date()
    utimesSync(file, now, now)
  } catch {
    // A full disk takes no times either; a process that waits then looks longer than one beat.
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Undefined where no process holds it. */
function read(file: string): Holder | undefined {
  const text = textOf(file)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return holderOf(value as Record<string, unknown>)
  } catch {
    // Cut off in the middle, or of another program: its signs of life tell.
  }
  return { pgid: 0 }
}

function holderOf(value: Record<string, unknown>): Holder {
  const { pgid, started, boot, ns } = value
  return {
    pgid: typeof pgid === 'number' ? pgid : 0,
    ...(typeof started === 'string' ? { started } : {}),
    ...(typeof boot === 'string' ? { boot } : {}),
    ...(typeof ns === 'string' ? { ns } : {}),
  }
}
