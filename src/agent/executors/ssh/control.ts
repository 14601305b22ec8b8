import { sleep } from '../../../shared/async/sleep.js'
import { messageOf } from '../../../shared/errors.js'
import type { SshConnection } from './connection.js'
import {
  AFTER_KILL_MS,
  type EndCommand,
  type EndOutcome,
  endCommandScript,
  MARKED_COMMANDS,
} from './control-script.js'
import { runScript, type ScriptAnswer } from './run-script.js'
import type { SshSettings } from './settings.js'
import type { RemoteShell, ShellOutcome } from './shell.js'
import { SideConnection } from './side-connection.js'

/** In ms: a target may be busy beyond measure. */
const SCRIPT_MS = 60_000

/** A server under load refuses new connections at random (MaxStartups of sshd): it is asked again. */
const TRIES = 4
const PAUSE_MS = 500

/** Acts on the target beside the commands: finds their processes, ends them. */
export class SshControl {
  readonly #side: SideConnection

  readonly #scriptMs: number

  /** `scriptMs`: how long a script may take besides what it waits for. */
  constructor(settings: SshSettings, scriptMs = SCRIPT_MS) {
    this.#scriptMs = scriptMs
    this.#side = new SideConnection(settings)
  }

  /** Rejects, with the cause, where the target cannot be told. */
  async endCommand(connection: SshConnection, end: EndCommand): Promise<EndOutcome> {
    const timeoutMs = end.graceMs + AFTER_KILL_MS + this.#scriptMs
    const answer = await this.#run(connection, endCommandScript(end), timeoutMs)
    const outcome = answer.trim()
    if (outcome === 'none' || outcome === 'ended' || outcome === 'forced') return outcome
    throw new Error(`the target did not say what became of the processes: ${outcome.slice(0, 200)}`)
  }

  /** The ids of commands of which a process lives, of the login's own; undefined where there is no /proc to look into. */
  async markedCommands(connection: SshConnection): Promise<Set<string> | undefined> {
    const answer = await this.#run(connection, `${MARKED_COMMANDS}\necho end\n`, this.#scriptMs)
    const lines = answer.trim().split('\n')
    return lines[0] === 'no-proc' ? undefined : new Set(lines.slice(0, -1))
  }

  async close(): Promise<void> {
    await this.#side.close()
  }

  /** Begins the script again only where it is certain that it does not go on. */
  async #run(connection: SshConnection, script: string, timeoutMs: number): Promise<string> {
    let trouble = ''
    for (let tries = 1; tries <= TRIES && connection.lost === undefined; tries++) {
      const spare = tries === 1 ? connection.shells.takeSpare() : undefined
      try {
        const { answer, ended } = await this.#runOnce(connection, spare, script, timeoutMs)
        if (answer !== '') return answer
        if (!ended) return Promise.reject(new Error(`the target took longer than ${timeoutMs / 1000} s`))
        trouble = 'the session ended before the script ran'
      } catch (cause) {
        trouble = messageOf(cause)
      }
      if (tries < TRIES) await sleep(spare ? 0 : PAUSE_MS)
    }
    throw new Error(connection.lost ?? trouble)
  }

  async #runOnce(
    connection: SshConnection,
    spare: RemoteShell | undefined,
    script: string,
    timeoutMs: number,
  ): Promise<ScriptAnswer> {
    if (spare) return runScript(spare, script, timeoutMs)
    const { client, sessions, signal } = connection
    const run = (outcome: ShellOutcome) => {
      if (outcome.kind !== 'shell') throw new Error(outcome.message)
      return runScript(outcome.shell, script, timeoutMs)
    }
    const outcome = await sessions.open(client, signal)
    // Commands may hold every session of the connection: a second one has sessions of its own.
    return outcome.kind === 'refused'
      ? this.#side.use(sessions, signal, async (side) => run(side))
      : run(outcome)
  }
}
