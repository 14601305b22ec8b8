import type { Client } from 'ssh2'
import type { Log } from '../../core/ports.js'
import type { SessionKind } from './script.js'
import { type NoShell, openShell, type RemoteShell, type ShellOutcome } from './shell.js'

export type ShellPoolOptions = {
  client: Client
  kind: SessionKind
  /** For one shell to say that it is there. */
  timeoutMs: number
  log: Log
}

/** Shells kept ready ahead of need: a command then waits for neither the login shell nor the opening. */
const SPARES = 2

/** A waiting shell is replaced after this long, so that it does not run in the environment of a past day. */
const RENEW_MS = 5 * 60_000

/** How often the server is asked whether it takes more sessions than it last did, while commands wait. */
const PROBE_MS = 200

/** A refusal with nothing else open may only mean that the server has not yet tidied up the last session. */
const EMPTY_RETRIES = 5

type Waiter = { give: (outcome: ShellOutcome) => void }

/**
 * The shells of one connection. The server limits its sessions (MaxSessions of sshd, 10 as it comes) and says so
 * only by refusing one: commands beyond that wait their turn here. As many may wait as the agent runs at once.
 */
export class ShellPool {
  readonly #options: ShellPoolOptions
  readonly #waiting: Waiter[] = []
  readonly #spares: RemoteShell[] = []
  #open = 0
  #opening = 0
  #ceiling = Number.POSITIVE_INFINITY
  #emptyRefusals = 0
  #sparesWanted = SPARES
  #probe: NodeJS.Timeout | undefined
  #renewal: NodeJS.Timeout | undefined
  #closed: NoShell | undefined

  constructor(options: ShellPoolOptions) {
    this.#options = options
    this.#renewal = setInterval(() => this.#renew(), RENEW_MS / 5)
  }

  /** Shells that are ready now. */
  get ready(): number {
    return this.#spares.length
  }

  /** Opens the first spares. */
  warm(): void {
    this.#fill()
  }

  /** Waits for a shell, in turn. An abort gives `gone`. */
  acquire(signal: AbortSignal): Promise<ShellOutcome> {
    const spare = this.takeSpare()
    if (spare) return Promise.resolve({ kind: 'shell', shell: spare })
    if (this.#closed) return Promise.resolve(this.#closed)
    return new Promise((resolve) => {
      const waiter: Waiter = {
        give: (outcome) => {
          signal.removeEventListener('abort', onAbort)
          resolve(outcome)
        },
      }
      const onAbort = () => {
        const index = this.#waiting.indexOf(waiter)
        if (index < 0) return
        this.#waiting.splice(index, 1)
        waiter.give({ kind: 'gone', message: 'given up' })
      }
      signal.addEventListener('abort', onAbort)
      this.#waiting.push(waiter)
      this.#sparesWanted = SPARES
      if (signal.aborted) onAbort()
      else this.#fill()
    })
  }

  /** A shell that is ready now, if there is one. */
  takeSpare(): RemoteShell | undefined {
    const spare = this.#spares.shift()
    if (spare) queueMicrotask(() => this.#fill())
    return spare
  }

  /** Ends the shells that wait, and whoever waits for one. Those that run a command are their commands'. */
  close(message: string): void {
    if (this.#closed) return
    this.#closed = { kind: 'gone', message }
    clearInterval(this.#probe)
    clearInterval(this.#renewal)
    for (const shell of this.#spares.splice(0)) shell.abandon()
    for (const waiter of this.#waiting.splice(0)) waiter.give(this.#closed)
  }

  #fill(): void {
    if (this.#closed) return
    const wanted = this.#waiting.length + this.#sparesWanted
    while (this.#opening + this.#spares.length < wanted && this.#open < this.#ceiling) void this.#openOne()
    const limited = this.#waiting.length > this.#opening
    if (limited && !this.#probe) this.#probe = setInterval(() => this.#raise(), PROBE_MS)
    if (!limited && this.#probe) {
      clearInterval(this.#probe)
      this.#probe = undefined
    }
  }

  #raise(): void {
    this.#ceiling += 1
    this.#fill()
  }

  async #openOne(): Promise<void> {
    const { client, kind, timeoutMs } = this.#options
    this.#open += 1
    this.#opening += 1
    const outcome = await openShell(client, kind, timeoutMs)
    this.#opening -= 1
    if (outcome.kind === 'shell') this.#add(outcome.shell)
    else this.#missed(outcome)
    this.#fill()
  }

  #add(shell: RemoteShell): void {
    this.#emptyRefusals = 0
    void shell.closed.then(() => this.#left(shell))
    if (this.#closed) return shell.abandon()
    const waiter = this.#waiting.shift()
    if (waiter) waiter.give({ kind: 'shell', shell })
    else this.#spares.push(shell)
  }

  #left(shell: RemoteShell): void {
    this.#open -= 1
    const index = this.#spares.indexOf(shell)
    if (index >= 0) {
      this.#spares.splice(index, 1)
      // A target that ends waiting shells at once would be kept busy with new ones: the next command asks again.
      if (performance.now() - shell.openedAt < 1000) this.#sparesWanted = 0
    }
    this.#fill()
  }

  #missed(outcome: NoShell): void {
    this.#open -= 1
    if (outcome.kind !== 'refused') {
      this.#sparesWanted = 0
      this.#waiting.shift()?.give(outcome)
      return
    }
    this.#ceiling = this.#open
    if (this.#open > 0) return
    this.#emptyRefusals += 1
    if (this.#emptyRefusals <= EMPTY_RETRIES) return
    this.#options.log.warn({ reason: outcome.message }, 'the ssh server opens no session at all')
    this.#emptyRefusals = 0
    for (const waiter of this.#waiting.splice(0)) waiter.give(outcome)
  }

  #renew(): void {
    const old = this.#spares.findIndex((shell) => performance.now() - shell.openedAt > RENEW_MS)
    if (old >= 0) this.#spares.splice(old, 1)[0]?.abandon()
  }
}
