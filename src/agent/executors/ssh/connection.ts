import type { Client } from 'ssh2'
import { resolvesWithin } from '../../../shared/async/timeout.js'
import { messageOf } from '../../../shared/errors.js'
import type { Log } from '../../commands/ports.js'
import { FACTS } from './control-script.js'
import { runScript } from './run-script.js'
import { Sessions } from './sessions.js'
import type { SshSettings } from './settings.js'
import { ShellPool } from './shell-pool.js'

/** What the target says of itself: `uname -s` and `uname -r`. */
export type SshFacts = { platform: string; version: string }

/** How long a new connection is held back for the target's facts, in ms: a slow login shell tells them later. */
const FACTS_MS = 2000

/** How long the server may take to close the connection once it is asked to, in ms. */
export const GOODBYE_MS = 1000

/** For `uname`, once there is a shell, in ms. */
const UNAME_MS = 30_000

/** One connection from its login to its loss, with the shells on it. */
export class SshConnection {
  readonly client: Client
  readonly sessions = new Sessions()
  readonly shells: ShellPool
  /** When it is lost, with the cause as a sentence. */
  readonly gone: Promise<string>
  /** What the target has said of itself, once it has; undefined where it does not. */
  readonly facts: Promise<SshFacts | undefined>
  /** When the facts are known, or it would take too long to wait for them. */
  readonly settled: Promise<void>
  readonly #lost = new AbortController()
  #cause: string | undefined
  #isSettled = false
  #knownFacts: SshFacts | undefined

  /** Begins at once to open shells, and asks in the first of them who the target is. */
  constructor(client: Client, settings: SshSettings, log: Log) {
    this.client = client
    this.shells = new ShellPool({ client, sessions: this.sessions, timeoutMs: settings.timeoutMs, log })
    this.gone = watch(client).then((cause) => {
      this.#cause = cause
      this.#lost.abort()
      this.shells.close(cause)
      return cause
    })
    this.facts = askFacts(this.shells, this.#lost.signal, log).then((facts) => {
      this.#knownFacts = facts
      return facts
    })
    this.settled = resolvesWithin(this.facts, FACTS_MS).then(() => {
      this.#isSettled = true
    })
  }

  /** Why it is no more; undefined while it is open. */
  get lost(): string | undefined {
    return this.#cause
  }

  get knownFacts(): SshFacts | undefined {
    return this.#knownFacts
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Aborts when it is lost. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /** Says goodbye to the server, and hangs up where that takes longer than `GOODBYE_MS`. */
  async close(): Promise<void> {
    this.shells.close('The agent closed the connection.')
    this.client.end()
    if (!(await resolvesWithin(this.gone, GOODBYE_MS))) this.client.destroy()
    await this.gone
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
async function askFacts(shells: ShellPool, signal: AbortSignal, log: Log): Promise<SshFacts | undefined> {
  const outcome = await shells.acquire(signal)
  if (outcome.kind !== 'shell') {
    if (!signal.aborted) log.warn({ reason: outcome.message }, 'the ssh target does not say what it is')
    return undefined
  }
  const { answer } = await runScript(outcome.shell, FACTS, UNAME_MS)
  const [platform = '', version = ''] = answer.split('\n')
  return platform === '' ? undefined : { platform: platform.slice(0, 256), version: version.slice(0, 256) }
}
