import { access, constants, stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { type CLibrary, loadCLibrary } from '../../../host/c-library.js'
import { markOf } from '../../../host/process-mark.js'
import type { StreamName } from '../../../shared/commands/event.js'
import { messageOf, systemCode } from '../../../shared/errors.js'
import type { ExecSpec, Execution, Executor, Exit } from '../../commands/ports.js'
import { baseEnvironment, commandEnvironment, LAST_RESORT_FOLDER } from '../environment.js'
import { OutputQueue } from '../output-queue.js'
import { CommandProcesses, type CommandProcessesOptions } from './command-processes.js'
import type { ControlGroup } from './control-group.js'
import type { ControlGroups } from './control-groups.js'
import { fork } from './fork.js'
import type { LocalProcess, OutputPipe } from './local-process.js'
import { closeOutput } from './output-drain.js'
import { loadPosixSpawn, type PosixSpawn, type SpawnRequest } from './posix-spawn.js'

export type LocalOptions = {
  /** Named in results: the agent's id, once it has one. */
  target: () => string
  /** How long what a command left behind may hold its output open after the shell's exit, in ms. */
  leftBehindMs: number
  /** Whether Node starts the processes, although posix_spawn could be had: it is slower, and otherwise the same. */
  forks?: boolean
  /** Each command gets one, where they can be had. */
  controlGroups?: ControlGroups | undefined
}

/** How long reading a pipe to its end may take once no process holds it, in ms. */
const PIPE_MS = 1000

// Linux takes at most 128 KiB in one argument, its NUL included (MAX_ARG_STRLEN).
const LONGEST_ARGUMENT = 128 * 1024 - 1

/** Runs commands on the agent's own machine, each as `/bin/sh -c` in a process group of its own. */
export class LocalExecutor implements Executor {
  readonly type = 'local'
  readonly #options: LocalOptions
  readonly #spawn: Promise<PosixSpawn | undefined>
  readonly #c: Promise<CLibrary | undefined>
  readonly #running = new Set<LocalExecution>()
  #closed = false

  constructor(options: LocalOptions) {
    this.#options = options
    this.#spawn = options.forks ? Promise.resolve(undefined) : loadPosixSpawn()
    this.#c = loadCLibrary()
  }

  get target(): string {
    return this.#options.target()
  }

  async start(spec: ExecSpec): Promise<Execution> {
    const { controlGroups, leftBehindMs } = this.#options
    const controlGroup = controlGroups?.make(spec.command_id)
    const release = () => controlGroup && controlGroups?.release(controlGroup)
    const process = await this.#startShell(spec, controlGroup).catch((error) => {
      release()
      throw error
    })
    feed(process.stdin, spec.stdin, spec.open_stdin)
    const processes = processesOf(spec.command_id, process, { c: await this.#c, controlGroup })
    const input = spec.open_stdin ? process.stdin : null
    const execution = new LocalExecution(process, processes, { leftBehindMs, input })
    void execution.exit.finally(release)
    this.#running.add(execution)
    void execution.exit.finally(() => this.#running.delete(execution))
    // One that was under way while all others were ended.
    if (this.#closed) await execution.kill()
    return execution
  }

  /** Ends by force what still runs, however long it was given to end: without its agent nothing would. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#running].map((execution) => execution.kill()))
  }

  async #startShell(spec: ExecSpec, group: ControlGroup | undefined): Promise<LocalProcess> {
    const c = await this.#c
    const spawn: Spawn = (await this.#spawn) ?? ((request) => fork(c, request))
    const script = isLong(spec.command)
    const { HOME } = baseEnvironment()
    const args = ['-c', script ? READ_COMMAND_FROM_FD_3 : spec.command]
    const request: SpawnRequest = {
      ...(group?.argumentsToRun([SHELL, ...args]) ?? { path: SHELL, args }),
      env: commandEnvironment(spec),
      cwd: spec.cwd ?? HOME,
      stdin: spec.stdin !== undefined || spec.open_stdin === true,
      script,
    }
    const process = await startIn(request, spec.cwd === undefined ? LAST_RESORT_FOLDER : undefined, spawn)
    if (script) feed(process.script, spec.command)
    return process
  }
}

type Spawn = (request: SpawnRequest) => LocalProcess | Promise<LocalProcess>

/** `otherwise` is where it starts when its folder cannot be entered, as a login does without its home. */
async function startIn(
  request: SpawnRequest,
  otherwise: string | undefined,
  spawn: Spawn,
): Promise<LocalProcess> {
  try {
    return await spawn(request)
  } catch (error) {
    // A missing folder may be reported as a missing shell: look whether it is that.
    const trouble = await troubleWith(request.cwd)
    if (trouble === undefined) throw new Error(`The shell did not start: ${messageOf(error)}.`)
    if (otherwise === undefined || otherwise === request.cwd) throw trouble
    return startIn({ ...request, cwd: otherwise }, undefined, spawn)
  }
}

const SHELL = '/bin/sh'

// A command too long for an argument goes through a pipe; `eval` runs it in the same shell as -c would.
const READ_COMMAND_FROM_FD_3 = 'eval "$(exec /bin/cat <&3 3<&-)" 3<&-'

function isLong(command: string): boolean {
  return Buffer.byteLength(command) > LONGEST_ARGUMENT
}

/** All processes of a command that was just started. */
function processesOf(
  command_id: string,
  { pid, collect }: LocalProcess,
  more: Pick<CommandProcessesOptions, 'c' | 'controlGroup'>,
) {
  // Where Node collects the shell, its id may be another's at any time: its start tells them apart.
  const started = collect ? undefined : markOf(pid)?.started
  const isLeaderOurs = collect ? () => true : () => started !== undefined && markOf(pid)?.started === started
  return new CommandProcesses({ command_id, leader: pid, isLeaderOurs, ...more })
}

type LocalExecutionOptions = {
  leftBehindMs: number
  /** Its standard input, where that stays open. */
  input: Writable | null
}

class LocalExecution implements Execution {
  readonly pid: number
  readonly input: Writable | undefined
  readonly output: OutputQueue
  readonly exit: Promise<Exit>
  readonly #process: LocalProcess
  readonly #processes: CommandProcesses
  #ended = false
  #ending: Promise<boolean> | undefined
  #killing: Promise<boolean> | undefined
  #onForced = () => {}
  readonly #forced = new Promise<void>((resolve) => {
    this.#onForced = resolve
  })

  constructor(process: LocalProcess, processes: CommandProcesses, options: LocalExecutionOptions) {
    const { leftBehindMs, input } = options
    this.#process = process
    this.#processes = processes
    this.pid = process.pid
    this.input = input ?? undefined
    const { stdout, stderr } = process
    this.output = new OutputQueue([stdout, stderr])
    this.#read(stdout, 'stdout')
    this.#read(stderr, 'stderr')
    this.exit = this.#follow(leftBehindMs).finally(() => {
      this.#ended = true
      // From here on the id of its group may be another's.
      process.collect?.()
      this.output.end()
    })
  }

  terminate(graceMs: number): void {
    if (this.#ended || this.#ending) return
    this.#ending = this.#processes.end(graceMs)
  }

  /** Resolves when no process of it is left; its output may still have to be read. */
  async kill(): Promise<void> {
    if (this.#ended) return
    this.#killing ??= this.#processes.end(0)
    await this.#killing
    this.#onForced()
  }

  #read(pipe: OutputPipe, stream: StreamName): void {
    pipe.read((data) => this.output.push({ stream, data }))
  }

  async #follow(leftBehindMs: number): Promise<Exit> {
    const { exited, closed, stdout, stderr } = this.#process
    const exit = await exited
    const reason = await closeOutput({
      output: this.output,
      closed,
      leftBehindMs,
      inFlightMs: PIPE_MS,
      endGroup: () => this.#processes.endGroup(leftBehindMs),
      abandon: () => {
        stdout.destroy()
        stderr.destroy()
      },
      forced: this.#forced,
    })
    // A child may ignore TERM and hold no output: what was asked to end is not over before it is gone.
    await Promise.all([this.#ending, this.#killing])
    return { ...exit, reason: reason ?? exit.reason }
  }
}

function feed(pipe: Writable | null, text = '', staysOpen = false): void {
  // A command may end, or close its input, without having read it all: that is its right.
  pipe?.on('error', () => {})
  if (!staysOpen) pipe?.end(text)
  else if (text !== '') pipe?.write(text)
}

/** Why a folder cannot be entered; undefined where it can. */
async function troubleWith(cwd: string): Promise<Error | undefined> {
  const trouble = (why: string) =>
    new Error(`The working folder ${cwd} cannot be entered on the agent's machine: ${why}.`)
  try {
    if (!(await stat(cwd)).isDirectory()) return trouble('it is not a folder')
    await access(cwd, constants.X_OK)
    return undefined
  } catch (cause) {
    const isNotThere = ['ENOENT', 'ENOTDIR'].includes(String(systemCode(cause)))
    return trouble(isNotThere ? 'there is none such' : messageOf(cause))
  }
}
