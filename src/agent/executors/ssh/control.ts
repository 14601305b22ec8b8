import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../../shared/errors.js'
import type { SshConnection } from './connection.js'
import { type EndGroup, type EndOutcome, endGroupScript, MARKED_PROCESSES } from './control-script.js'
import { runScript } from './run-script.js'
import type { SshSettings } from './settings.js'
import { openShell, type ShellOutcome } from './shell.js'
import { SideConnection } from './side-connection.js'

/** A process that carries a command's mark, by its group. */
export type MarkedProcess = { pgid: number; command_id: string }

/** How long a script of ours may take besides what it waits for, in ms. */
const SCRIPT_MS = 10_000

/** A server under load refuses new connections at random (MaxStartups of sshd): it is asked again. */
const TRIES = 4
const PAUSE_MS = 500

/** Acts on the target beside the commands: finds their processes, ends their groups. */
export class SshControl {
  readonly #settings: SshSettings
  readonly #side: SideConnection

  constructor(settings: SshSettings) {
    this.#settings = settings
    this.#side = new SideConnection(settings)
  }

  /** Rejects, with the cause, where the target cannot be told. */
  async endGroup(connection: SshConnection, group: EndGroup): Promise<EndOutcome> {
    const answer = await this.#run(connection, endGroupScript(group), group.graceMs + SCRIPT_MS)
    const outcome = answer.trim()
    if (outcome === 'none' || outcome === 'ended' || outcome === 'forced') return outcome
    throw new Error(`the target did not say what became of the process group: ${outcome.slice(0, 200)}`)
  }

  /** All of the login's own; undefined where the target has no /proc to look into. */
  async markedProcesses(connection: SshConnection): Promise<MarkedProcess[] | undefined> {
    const answer = await this.#run(connection, `${MARKED_PROCESSES}\necho end\n`, SCRIPT_MS)
    const lines = answer.trim().split('\n')
    if (lines[0] === 'no-proc') return undefined
    return lines.flatMap((line) => {
      const space = line.indexOf(' ')
      const pgid = Number(line.slice(0, space))
      return space > 0 && pgid > 1 ? [{ pgid, command_id: line.slice(space + 1) }] : []
    })
  }

  async close(): Promise<void> {
    await this.#side.close()
  }

  async #run(connection: SshConnection, script: string, timeoutMs: number): Promise<string> {
    const { client, shells, kind } = connection
    let trouble = ''
    for (let tries = 1; tries <= TRIES && connection.lost === undefined; tries++) {
      const spare = tries === 1 ? shells.takeSpare() : undefined
      const outcome: ShellOutcome = spare
        ? { kind: 'shell', shell: spare }
        : await openShell(client, kind, this.#settings.timeoutMs)
      try {
        // Commands may hold every session of the connection: a second one has sessions of its own.
        const answer =
          outcome.kind === 'refused'
            ? await this.#side.use(kind, (side) => answerOf(side, script, timeoutMs))
            : await answerOf(outcome, script, timeoutMs)
        if (answer !== '') return answer
        trouble = 'the session ended before the script ran'
      } catch (cause) {
        trouble = messageOf(cause)
      }
      if (tries < TRIES) await sleep(spare ? 0 : PAUSE_MS)
    }
    throw new Error(connection.lost ?? trouble)
  }
}

function answerOf(outcome: ShellOutcome, script: string, timeoutMs: number): Promise<string> {
  if (outcome.kind !== 'shell') throw new Error(outcome.message)
  return runScript(outcome.shell, script, timeoutMs)
}
