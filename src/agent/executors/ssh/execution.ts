import type { Writable } from 'node:stream'
import { messageOf } from '../../../shared/errors.js'
import type { ExecSpec, Execution, Exit } from '../../commands/ports.js'
import { closeOutput } from '../local/output-drain.js'
import { OutputQueue } from '../output-queue.js'
import type { EndCommand, EndOutcome } from './control-script.js'
import { NO_FOLDER, STARTED } from './script.js'
import type { RemoteEnd, RemoteShell } from './shell.js'

export type SshExecutionInput = {
  shell: RemoteShell
  spec: ExecSpec
  /** How sentences name the machine. */
  target: string
  /** `spec` as the line for the shell. */
  line: string
  leftBehindMs: number
  /** Rejects where the target cannot be told. */
  endCommand(end: EndCommand): Promise<EndOutcome>
  /** Why the connection is no more; undefined while it is open. */
  lost(): string | undefined
}

/** How long a slow link may take for what the command wrote last, in ms. */
const IN_FLIGHT_MS = 20_000

/** `missing`, `file`, `denied`: why the working folder cannot be entered. `nothing`: the shell went away first. */
export type StartOutcome = 'started' | 'missing' | 'file' | 'denied' | 'nothing'

export function folderSentence(spec: ExecSpec, target: string, why: StartOutcome): string {
  const what =
    why === 'missing' ? 'there is none such' : why === 'file' ? 'it is not a folder' : 'permission denied'
  return `The working folder ${spec.cwd ?? ''} cannot be entered on ${target}: ${what}.`
}

/** One command on the target, in the shell that became it. */
export class SshExecution implements Execution {
  readonly pid: number
  readonly input: Writable | undefined
  readonly output: OutputQueue
  readonly exit: Promise<Exit>
  /** Settles when the target has said whether it runs the command. */
  readonly started: Promise<StartOutcome>
  readonly #input: SshExecutionInput
  #ended = false
  #ending: Promise<void> | undefined
  #notEnded: string | undefined

  constructor(input: SshExecutionInput) {
    const { shell, line, spec } = input
    this.#input = input
    this.pid = shell.pid
    this.output = new OutputQueue([shell.channel, shell.channel.stderr])
    this.started = this.#begin()
    if (spec.open_stdin) this.input = shell.runOpen(line, spec.stdin)
    else shell.run(line, spec.stdin)
    this.exit = this.#follow().finally(() => {
      this.#ended = true
      this.output.end()
    })
  }

  terminate(graceMs: number): void {
    if (this.#ended || this.#ending) return
    this.#ending = this.#end(graceMs)
  }

  /** Forces it, however long it was given to end; resolves when the target has done so, or cannot be told. */
  async kill(): Promise<void> {
    if (!this.#ended) await this.#end(0)
  }

  async #begin(): Promise<StartOutcome> {
    const { shell } = this.#input
    let line = await shell.stdout.line(shell.name)
    // Its greeting on stderr, where start files have joined the two.
    if (line === shell.name) line = await shell.stdout.line(shell.name)
    const [, word, why] = (line ?? '').split(' ')
    if (word !== STARTED) {
      if (word !== NO_FOLDER) return 'nothing'
      return why === 'missing' || why === 'file' ? why : 'denied'
    }
    shell.stdout.flowTo((data) => this.output.push({ stream: 'stdout', data }))
    shell.stderr.flowTo((data) => this.output.push({ stream: 'stderr', data }))
    return 'started'
  }

  async #follow(): Promise<Exit> {
    const { shell, leftBehindMs, lost } = this.#input
    let cut: string | undefined
    // Asked at this very moment: a connection that is lost later cuts nothing off any more.
    void shell.closed.then(() => {
      cut = lost()
    })
    await shell.ended
    const { end } = shell
    if (!end) return this.#unseen()
    const reason = await closeOutput({
      output: this.output,
      closed: shell.closed,
      leftBehindMs,
      inFlightMs: IN_FLIGHT_MS,
      endGroup: () => this.#endLeftBehind(),
      abandon: () => shell.abandon(),
    })
    await this.#ending
    if (cut === undefined) return exitOf(end, reason ?? (await this.#neverRan()))
    const missing = `The connection was lost before the end of the output (${cut}); some of it may be missing.`
    return { ...exitOf(end, missing), lost: true }
  }

  /** Why the command itself did not run, where the target said so too late for the start to wait for it. */
  async #neverRan(): Promise<string | null> {
    const { spec, target } = this.#input
    const outcome = await this.started
    if (outcome === 'started') return null
    if (outcome !== 'nothing') return folderSentence(spec, target, outcome)
    return `The shell on ${target} ended before the command had started.`
  }

  #unseen(): Exit {
    const cause = this.#input.lost()
    const reason =
      cause !== undefined
        ? `The connection to the SSH target was lost while the command ran: ${cause}.`
        : (this.#notEnded ?? 'The SSH server closed the session without saying how the command ended.')
    return { exit_code: null, signal: null, reason, lost: true }
  }

  async #end(graceMs: number): Promise<void> {
    const { shell, spec, endCommand, lost } = this.#input
    // While the server has not reported the leader's end, the group's number is certainly the command's.
    const verify = shell.end !== undefined
    try {
      const { command_id } = spec
      await endCommand({ command_id, pgid: this.pid, graceMs, verify, marked: true })
    } catch (cause) {
      if (lost() !== undefined || this.#ended) return
      this.#notEnded = `The command could not be ended on the target: ${messageOf(cause)}.`
      shell.abandon()
    }
  }

  async #endLeftBehind(): Promise<boolean> {
    const { spec, endCommand, leftBehindMs } = this.#input
    const { command_id } = spec
    try {
      // What has left the group of a command that ended by itself may be a daemon that is meant to stay.
      const end = { command_id, pgid: this.pid, graceMs: leftBehindMs, verify: true, marked: false }
      return (await endCommand(end)) !== 'none'
    } catch {
      // The connection's loss closes the output by itself.
      return false
    }
  }
}

function exitOf(end: RemoteEnd, reason: string | null): Exit {
  if (end.signal === null) return { exit_code: end.code, signal: null, reason }
  if (/^SIG[A-Z0-9]+$/.test(end.signal)) return { exit_code: null, signal: end.signal, reason }
  // OpenSSH names the signals of RFC 4254, section 6.10, and calls every other one SIG@openssh.com.
  const unnamed = 'A signal that the SSH server does not name ended the process (such as SIGBUS or SIGTRAP).'
  return { exit_code: null, signal: null, reason: reason === null ? unnamed : `${unnamed} ${reason}` }
}
