import { resolvesWithin, withTimeout } from '../../../shared/async/timeout.js'
import type { OgentError } from '../../../shared/errors.js'
import type { ExecSpec, Executor, Log } from '../../commands/ports.js'
import type { SshConnection } from './connection.js'
import { SshControl } from './control.js'
import { folderSentence, SshExecution, type StartOutcome } from './execution.js'
import { SshLink, type SshState, type SshStatus, unavailable } from './link.js'
import { Orphans } from './orphans.js'
import { commandLine } from './script.js'
import { type SshSettings, targetName } from './settings.js'
import type { RemoteShell } from './shell.js'

export type { SshState, SshStatus } from './link.js'
export type { SshSettings } from './settings.js'

export type SshOptions = {
  log: Log
  /** Between asking and forcing what a lost command left running, in ms. */
  killGraceMs?: number
  /** How long what a command left behind may hold its output open after the shell's exit, in ms. */
  leftBehindMs?: number
  /** Told of every change. */
  onStatus?: (state: SshState) => void
}

/** A waiting shell may end just when it is given a command, which then has not run: so often another is tried. */
const TRIES = 3

/** How long `close` waits for the commands that it ends, in ms, and at most where the target is slow to give a shell. */
const CLOSE_MS = 3000
const SLOW_CLOSE_MS = 30_000

/** A start that takes longer, in ms, says what it waits for. */
const NOTICE_MS = 3000

/** Runs commands on an SSH target, each as `/bin/sh -c` in a process group of its own, over one kept connection. */
export class SshExecutor implements Executor {
  readonly type = 'ssh'
  readonly target: string
  readonly #settings: SshSettings
  readonly #leftBehindMs: number
  readonly #control: SshControl
  readonly #leftovers: Orphans
  readonly #link: SshLink
  readonly #running = new Set<SshExecution>()

  constructor(settings: SshSettings, options: SshOptions) {
    const { log, killGraceMs = 5000, leftBehindMs = 2000, onStatus = () => {} } = options
    this.target = targetName(settings)
    this.#settings = settings
    this.#leftBehindMs = leftBehindMs
    this.#control = new SshControl(settings)
    this.#leftovers = new Orphans(this.#control, killGraceMs, log)
    const onConnected = (connection: SshConnection) => void this.#leftovers.end(connection)
    this.#link = new SshLink({ settings, log, onConnected, onStatus })
  }

  /** Opens the kept connection, and keeps it. Does not wait for it. */
  open(): void {
    this.#link.open()
  }

  get status(): SshStatus {
    return this.#link.state.status
  }

  /** Shells that are ready for the next commands. */
  get shellsReady(): number {
    return this.#link.shellsReady
  }

  /** Why there is no connection, as a sentence; null while there is one. */
  get lastError(): string | null {
    return this.#link.state.lastError
  }

  get facts(): SshState['facts'] {
    return this.#link.state.facts
  }

  /** What these commands of an agent that is no more left running is ended at the next connection. */
  endAtNextConnection(command_ids: Iterable<string>): void {
    for (const command_id of command_ids) this.#leftovers.add(command_id)
  }

  async start(
    spec: ExecSpec,
    signal: AbortSignal,
    onWaiting?: (reason: string) => void,
  ): Promise<SshExecution> {
    if (!onWaiting || this.#link.shellsReady > 0) return this.#start(spec, signal)
    const timer = setTimeout(() => onWaiting(this.#awaited), NOTICE_MS)
    try {
      return await this.#start(spec, signal)
    } finally {
      clearTimeout(timer)
    }
  }

  async #start(spec: ExecSpec, signal: AbortSignal): Promise<SshExecution> {
    const line = commandLine(spec)
    for (let tries = 1; ; tries++) {
      const connection = await this.#link.connection(signal)
      if (!connection.isSettled) await connection.settled
      const shell = await this.#shell(connection, signal)
      if (shell) {
        const execution = this.#run(connection, shell, spec, line)
        const outcome = await this.#startOf(execution)
        // Where the target says nothing, or the connection is lost, it is unknown how far it came: its exit tells that.
        if (outcome === undefined || outcome === 'started' || connection.lost !== undefined) return execution
        if (outcome !== 'nothing') throw new Error(folderSentence(spec, this.target, outcome))
      }
      if (tries >= TRIES) throw this.#unavailable('sessions end before a command can start in them.')
    }
  }

  /** Ends by force what still runs: without its agent nothing would. */
  async close(): Promise<void> {
    const ends = [...this.#running].map((execution) => Promise.all([execution.kill(), execution.exit]))
    const { loginMs } = this.#link
    await resolvesWithin(Promise.all(ends), Math.min(CLOSE_MS + 2 * loginMs, SLOW_CLOSE_MS))
    await this.#control.close()
    await this.#link.close()
  }

  /** Undefined where the connection was lost meanwhile, and the next one is worth a try. */
  async #shell(connection: SshConnection, signal: AbortSignal): Promise<RemoteShell | undefined> {
    const outcome = await connection.shells.acquire(signal)
    if (outcome.kind === 'shell') {
      if (signal.aborted) outcome.shell.abandon()
      else return outcome.shell
    }
    if (signal.aborted) throw new Error('Given up while waiting for a session on the SSH target.')
    switch (outcome.kind) {
      case 'refused':
        throw this.#unavailable(
          `it refuses every session (channel limit, MaxSessions of sshd): ${outcome.message}.`,
        )
      case 'failed':
        throw this.#unavailable(`${outcome.message}.`)
      default:
        return undefined
    }
  }

  #run(connection: SshConnection, shell: RemoteShell, spec: ExecSpec, line: string): SshExecution {
    const execution = new SshExecution({
      shell,
      spec,
      line,
      target: this.target,
      leftBehindMs: this.#leftBehindMs,
      endCommand: (end) => this.#control.endCommand(connection, end),
      lost: () => connection.lost,
    })
    this.#running.add(execution)
    void execution.exit.then((exit) => {
      this.#running.delete(execution)
      if (exit.lost) this.#leftovers.add(spec.command_id)
    })
    return execution
  }

  /** Undefined where the target has not said by the time-out whether it runs the command. */
  #startOf(execution: SshExecution): Promise<StartOutcome | undefined> {
    return withTimeout(execution.started, this.#settings.timeoutMs, () => undefined)
  }

  get #awaited(): string {
    const { awaited } = this.#link
    if (awaited === undefined) return `Waiting for a connection to ${this.target}.`
    return `Waiting for a shell on ${this.target}: ${awaited}.`
  }

  #unavailable(cause: string): OgentError {
    return unavailable(this.#settings, cause)
  }
}
