import { constants, endianness } from 'node:os'
import type { CLibrary } from '../../../host/c-library.js'
import type { Exit } from '../../commands/ports.js'
import { systemError } from './system-error.js'

/** A process that was started without Node. */
export type Child = {
  /** The process has ended. Its number stays its own until `collect`, so that a signal cannot reach another. */
  exited: Promise<Exit>
  /** Gives up the number; called once, after `exited`. */
  collect(): void
}

/** A missed signal costs so many ms, and nothing else. */
const LOOK_AGAIN_MS = 1000

// <sys/wait.h> of Linux.
const P_PID = 1
const WNOHANG = 1
const WEXITED = 4
const WNOWAIT = 0x1000000
const CLD_EXITED = 1

const SIGINFO_BYTES = 128
// siginfo_t of waitid(2): three numbers, then what a system of 64 bits aligns to eight bytes: the process, its user, its status.
const CODE_AT = 8
const is64Bit = !['arm', 'ia32', 'mipsel', 'mips'].includes(process.arch)
const PID_AT = is64Bit ? 16 : 12
const STATUS_AT = PID_AT + 8

/** Sees the ends of processes that Node does not know of. */
export class Children {
  readonly #c: CLibrary
  readonly #running = new Map<number, (exit: Exit) => void>()
  readonly #timer: NodeJS.Timeout
  readonly #information = Buffer.alloc(SIGINFO_BYTES)

  constructor(c: CLibrary) {
    this.#c = c
    process.on('SIGCHLD', () => this.#look())
    this.#timer = setInterval(() => this.#look(), LOOK_AGAIN_MS)
    this.#timer.unref()
  }

  watch(pid: number): Child {
    // An end that is waited for keeps the program running, as with a child of Node's.
    this.#timer.ref()
    return {
      exited: new Promise((resolve) => this.#running.set(pid, resolve)),
      collect: () => void this.#c.wait(pid, [0], WNOHANG),
    }
  }

  #look(): void {
    for (const [pid, resolve] of this.#running) {
      const exit = this.#exitOf(pid)
      if (exit === undefined) continue
      this.#running.delete(pid)
      resolve(exit)
    }
    if (this.#running.size === 0) this.#timer.unref()
  }

  /** Undefined while it runs. */
  #exitOf(pid: number): Exit | undefined {
    const information = this.#information
    // Nothing is written to it where the process still runs.
    information.fill(0)
    if (this.#c.waitId(P_PID, pid, information, WEXITED | WNOHANG | WNOWAIT) !== 0) {
      return unseen(systemError(this.#c.errorNumber()))
    }
    if (number(information, PID_AT) !== pid) return undefined
    const status = number(information, STATUS_AT)
    if (number(information, CODE_AT) === CLD_EXITED) return { exit_code: status, signal: null, reason: null }
    return { exit_code: null, signal: signalNames.get(status) ?? `signal ${status}`, reason: null }
  }
}

function number(bytes: Buffer, at: number): number {
  return endianness() === 'LE' ? bytes.readInt32LE(at) : bytes.readInt32BE(at)
}

function unseen({ message }: Error): Exit {
  return {
    exit_code: null,
    signal: null,
    reason: `The end of the process was not seen: ${message}.`,
    lost: true,
  }
}

/** Of several names of a signal, the first: SIGABRT, not SIGIOT. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
)
