import { messageOf } from '../../../shared/errors.js'
import type { Log } from '../../commands/ports.js'
import type { SshConnection } from './connection.js'
import type { SshControl } from './control.js'

/** Commands remembered at most; the oldest is forgotten beyond that, and what it left behind stays. */
const MOST = 1000

/** Commands whose end was not seen: what they left running is ended at the next connection. */
export class Orphans {
  readonly #ids = new Set<string>()
  readonly #control: SshControl
  readonly #graceMs: number
  readonly #log: Log

  constructor(control: SshControl, graceMs: number, log: Log) {
    this.#control = control
    this.#graceMs = graceMs
    this.#log = log
  }

  add(command_id: string): void {
    this.#ids.add(command_id)
    const [oldest] = this.#ids
    if (this.#ids.size <= MOST || oldest === undefined) return
    this.#ids.delete(oldest)
    this.#log.warn({ command_id: oldest }, 'too many lost commands, the oldest is no longer looked for')
  }

  /** Ends, on this connection, all that still carries the mark of one of them. Never rejects. */
  async end(connection: SshConnection): Promise<void> {
    const ids = [...this.#ids]
    if (ids.length === 0) return
    try {
      const marked = await this.#control.markedCommands(connection)
      if (!marked) {
        this.#log.warn(
          { command_ids: ids },
          'the ssh target has no /proc: lost commands cannot be looked for',
        )
      }
      for (const command_id of ids) {
        if (marked?.has(command_id)) await this.#endOne(connection, command_id)
      }
      for (const command_id of ids) this.#ids.delete(command_id)
    } catch (cause) {
      // They stay on the list for the next connection.
      this.#log.warn({ command_ids: ids, reason: messageOf(cause) }, 'lost commands could not be ended')
    }
  }

  async #endOne(connection: SshConnection, command_id: string): Promise<void> {
    const end = { command_id, graceMs: this.#graceMs, verify: true, marked: true }
    const outcome = await this.#control.endCommand(connection, end)
    this.#log.info({ command_id, outcome }, 'ended what a lost command had left running')
  }
}
