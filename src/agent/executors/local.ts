import { type ChildProcess, spawn } from 'node:child_process'
import { access, constants, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { messageOf } from '../../shared/errors.js'
import type { StreamName } from '../../shared/event.js'
import type { ExecSpec, Execution, Executor, Exit } from '../core/ports.js'
import { commandEnvironment } from './environment.js'
import { OutputQueue } from './output-queue.js'
import { endGroup, groupExists, signalGroup } from './process-group.js'

export type LocalOptions = {
  /** Named in results: the agent's id, once it has one. */
  target: () => string
  /** How long what a command left behind may hold its output open after the shell's exit, in ms. */
  leftBehindMs: number
}

/** How long a pipe may stay open after its group was forced to end, in ms: somebody outside holds it. */
const FORCED_CLOSE_MS = 1000

// Linux takes at most 128 KiB in one argument, its NUL included (MAX_ARG_STRLEN).
const LONGEST_ARGUMENT = 128 * 1024 - 1

/** Runs commands on the agent's own machine, each as `/bin/sh -c` in a process group of its own. */
export class LocalExecutor implements Executor {
  readonly type = 'local'
  readonly #options: LocalOptions

  constructor(options: LocalOptions) {
    this.#options = options
  }

  get target(): string {
    return this.#options.target()
  }

  async start(spec: ExecSpec): Promise<Execution> {
    const env = commandEnvironment(spec)
    const cwd = spec.cwd ?? env.HOME ?? '/'
    await checkFolder(cwd)
    const long = Buffer.byteLength(spec.command) > LONGEST_ARGUMENT
    const child = spawn('/bin/sh', ['-c', long ? READ_COMMAND_FROM_FD_3 : spec.command], {
      cwd,
      env,
      detached: true, // its own session, and so its own process group
      stdio: [spec.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', long ? 'pipe' : 'ignore'],
    })
    await spawned(child)
    if (long) feed(child.stdio[3], spec.command)
    if (spec.stdin !== undefined) feed(child.stdin, spec.stdin)
    return new LocalExecution(child, this.#options.leftBehindMs)
  }

  async close(): Promise<void> {}
}

// A command too long for an argument goes through a pipe; `eval` runs it in the same shell as -c would.
const READ_COMMAND_FROM_FD_3 = 'eval "$(exec /bin/cat <&3 3<&-)" 3<&-'

class LocalExecution implements Execution {
  readonly pid: number | undefined
  readonly output: OutputQueue
  readonly exit: Promise<Exit>
  readonly #child: ChildProcess
  #ended = false
  #stopEnding: (() => void) | undefined

  constructor(child: ChildProcess, leftBehindMs: number) {
    this.#child = child
    this.pid = child.pid
    const { stdout, stderr } = child
    if (!stdout || !stderr) throw new Error('A command is spawned with pipes for both streams.')
    this.output = new OutputQueue([stdout, stderr])
    this.#read(stdout, 'stdout')
    this.#read(stderr, 'stderr')
    this.exit = this.#follow(leftBehindMs).finally(() => {
      this.#ended = true
      this.#stopEnding?.()
      this.output.end()
    })
  }

  terminate(graceMs: number): void {
    if (this.#ended || this.#stopEnding || this.pid === undefined) return
    this.#stopEnding = endGroup(this.pid, graceMs)
  }

  #read(pipe: Readable, stream: StreamName): void {
    pipe.on('data', (data: Buffer) => this.output.push({ stream, data }))
    // A pipe that fails reads as one that ended: the exit still tells how the process fared.
    pipe.on('error', () => pipe.destroy())
  }

  async #follow(leftBehindMs: number): Promise<Exit> {
    const closed = new Promise<void>((resolve) => this.#child.once('close', () => resolve()))
    const exit = await new Promise<Exit>((resolve) => {
      this.#child.once('exit', (exit_code, signal) => resolve({ exit_code, signal, reason: null }))
    })
    if (await this.#closesWithin(closed, leftBehindMs)) return exit
    return { ...exit, reason: await this.#endLeftBehind(closed, leftBehindMs) }
  }

  /** The shell has exited, but something that it started still holds its output. */
  async #endLeftBehind(closed: Promise<void>, leftBehindMs: number): Promise<string> {
    const after = `${leftBehindMs / 1000} s after the shell's exit`
    if (this.pid !== undefined && groupExists(this.pid)) {
      signalGroup(this.pid, 'SIGTERM')
      if (!(await this.#closesWithin(closed, leftBehindMs))) signalGroup(this.pid, 'SIGKILL')
      if (await this.#closesWithin(closed, FORCED_CLOSE_MS)) {
        return `Processes left behind still held the output ${after}; they were ended.`
      }
    }
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
    await closed
    return `A process outside the command's group still held the output ${after}; what it writes is not read.`
  }

  /** Whether both pipes close in so many ms of reading; time in which a slow reader holds them back is not theirs. */
  async #closesWithin(closed: Promise<void>, ms: number): Promise<boolean> {
    const end = performance.now() - this.output.pausedMs + ms
    while (true) {
      const left = end - (performance.now() - this.output.pausedMs)
      if (left <= 0) return false
      if (await within(closed, Math.max(left, 10))) return true
    }
  }
}

function feed(pipe: unknown, text: string): void {
  const stdin = pipe as NodeJS.WritableStream & { on(event: 'error', listener: () => void): unknown }
  // A command may end, or close its input, without having read it all: that is its right.
  stdin.on('error', () => {})
  stdin.end(text)
}

async function within(done: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([done.then(() => true), timeout])
  } finally {
    clearTimeout(timer)
  }
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(new Error(`The shell did not start: ${messageOf(error)}.`)))
  })
}

/** Node reports a missing folder as a missing shell; this says what is really wrong. */
async function checkFolder(cwd: string): Promise<void> {
  try {
    if (!(await stat(cwd)).isDirectory()) throw new Error('not a folder')
    await access(cwd, constants.X_OK)
  } catch (cause) {
    throw new Error(`The working folder ${cwd} cannot be entered: ${messageOf(cause)}.`)
  }
}
