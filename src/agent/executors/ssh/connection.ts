import type { Client } from 'ssh2'
import { messageOf } from '../../../shared/errors.js'
import type { Log } from '../../core/ports.js'
import { FACTS } from './control-script.js'
import { runScript } from './run-script.js'
import { isPosixShell, type SessionKind, UNKNOWN_SESSION } from './script.js'
import type { SshSettings } from './settings.js'
import { openShell } from './shell.js'
import { ShellPool } from './shell-pool.js'

/** What the target says of itself: `uname -s` and `uname -r`. */
export type SshFacts = { platform: string; version: string }

/** One connection from its login to its loss, with the shells on it. */
export class SshConnection {
  readonly client: Client
  readonly shells: ShellPool
  readonly facts: SshFacts | undefined
  readonly kind: SessionKind
  /** When it is lost, with the cause as a sentence. */
  readonly gone: Promise<string>
  #lost: string | undefined

  /** Asks the target who it is, then keeps shells ready on it. */
  static async over(client: Client, settings: SshSettings, log: Log): Promise<SshConnection> {
    const ended = watch(client)
    const { facts, kind } = await askFacts(client, settings, log)
    return new SshConnection(client, ended, facts, kind, settings, log)
  }

  private constructor(
    client: Client,
    ended: Promise<string>,
    facts: SshFacts | undefined,
    kind: SessionKind,
    settings: SshSettings,
    log: Log,
  ) {
    this.client = client
    this.facts = facts
    this.kind = kind
    this.shells = new ShellPool({ client, kind, timeoutMs: settings.timeoutMs, log })
    this.gone = ended.then((cause) => {
      this.#lost = cause
      this.shells.close(cause)
      return cause
    })
  }

  /** Why it is no more; undefined while it stands. */
  get lost(): string | undefined {
    return this.#lost
  }

  /** Says goodbye to the server, and hangs up where that takes longer than a second. */
  async close(): Promise<void> {
    this.shells.close('The agent closed the connection.')
    this.client.end()
    const timer = setTimeout(() => this.client.destroy(), 1000)
    await this.gone
    clearTimeout(timer)
  }
}

function watch(client: Client): Promise<string> {
  return new Promise((resolve) => {
    let cause = 'the server closed it'
    client.on('error', (error) => {
      cause = isTimeout(error) ? 'the server has stopped answering' : messageOf(error)
    })
    client.once('close', () => resolve(cause))
  })
}

/** ssh2's word for signs of life that were not answered. */
function isTimeout(error: Error): boolean {
  return 'level' in error && error.level === 'client-timeout'
}

/** A target that cannot say who it is may still run commands: those then tell what is wrong. */
async function askFacts(
  client: Client,
  settings: SshSettings,
  log: Log,
): Promise<{ facts: SshFacts | undefined; kind: SessionKind }> {
  const outcome = await openShell(client, UNKNOWN_SESSION, settings.timeoutMs)
  if (outcome.kind !== 'shell') {
    log.warn({ reason: outcome.message }, 'the ssh target does not say what it is')
    return { facts: undefined, kind: UNKNOWN_SESSION }
  }
  const answer = await runScript(outcome.shell, FACTS, settings.timeoutMs)
  const [platform = '', version = '', leads, loginShell = ''] = answer.split('\n')
  const facts =
    platform === '' ? undefined : { platform: platform.slice(0, 256), version: version.slice(0, 256) }
  return { facts, kind: { ownGroup: leads !== 'follows', posix: isPosixShell(loginShell) } }
}
