import type { Client } from 'ssh2'
import { type SessionKind, USUAL_SESSION } from './script.js'
import { openShell, type ShellOutcome } from './shell.js'

/** Opens shells on one target. What the first of them shows of its sessions holds for those after it. */
export class Sessions {
  #kind = USUAL_SESSION

  /** However long the login takes; an abort of `signal` gives `gone`. */
  async open(client: Client, signal: AbortSignal): Promise<ShellOutcome> {
    const kind = this.#kind
    const outcome = await this.#openAs(client, kind, signal)
    if (outcome.kind !== 'failed') return outcome
    const other = { ...kind, exec: !kind.exec }
    const second = await this.#openAs(client, other, signal)
    // The server has not yet tidied up the first session: the next try begins with this one.
    if (second.kind === 'refused') this.#kind = other
    return second.kind === 'failed' ? outcome : second
  }

  async #openAs(client: Client, kind: SessionKind, signal: AbortSignal): Promise<ShellOutcome> {
    const outcome = await openShell(client, kind, signal)
    if (outcome.kind !== 'shell') return outcome
    if (outcome.shell.leads || !kind.ownGroup) {
      this.#kind = kind
      return outcome
    }
    // A command could not be ended with its children: it gets a group by other means.
    outcome.shell.abandon()
    return this.#openAs(client, { ...kind, ownGroup: false }, signal)
  }
}
