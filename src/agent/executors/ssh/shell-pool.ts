import type { Client } from 'ssh2'
import type { Log } from '../../commands/ports.js'
import { LoginWindow } from './login-window.js'
import type { Sessions } from './sessions.js'
import type { NoShell, RemoteShell, ShellOutcome } from './shell.js'

export type ShellPoolOptions = {
  client: Client
  sessions: Sessions
  /** After so long, a login shell that is still not there is given up once nothing waits for it. */
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

/** A login shell that has not come for so long, in ms, may never come: it no longer keeps others from being tried. */
const STALE_MS = 60_000

/** Between looks at what grows old, in ms. */
const LOOK_MS = 15_000

type Opening = { began: number; aborter: AbortController }

type Waiter = { give: (outcome: ShellOutcome) => void }

/**
 * The shells of one connection. The server limits its sessions (MaxSessions of sshd, 10 as it comes) and says so
 * only by refusing one: commands beyond that wait their turn here, until they are given up from outside. As many may
 * wait as the agent runs at once.
 */
export class ShellPool {
  readonly #options: ShellPoolOptions
  readonly #waiting: Waiter[] = []
  readonly #spares: RemoteShell[] = []
  readonly #openings = new Set<Opening>()
  readonly #window = new LoginWindow()
  #open = 0
  #loginMs = 0
  #ceiling = Number.POSITIVE_INFINITY
  #emptyRefusals = 0
  #sparesWanted = SPARES
  #probe: NodeJS.Timeout | undefined
  #renewal: NodeJS.Timeout | undefined
  #closed: NoShell | undefined

  constructor(options: ShellPoolOptions) {
    this.#options = options
    this.#renewal = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Shells that are ready now. */
  get ready(): number {
    return this.#spares.length
  }

  /** How long the last login shell took to be there, in ms. */
  get loginMs(): number {
    return this.#loginMs
  }

  /** What a command that waits here waits for. */
  get awaited(): string {
    if (this.#openings.size > 0) return 'its login shell has not finished its start files'
    return 'every session that the server allows is in use'
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
        this.#trim()
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

  /** Ends idle shells, and fails the callers that wait for one. Shells that run a command are their commands'. */
  close(message: string): void {
    if (this.#closed) return
    this.#closed = { kind: 'gone', message }
    clearInterval(this.#probe)
    clearInterval(this.#renewal)
    for (const { aborter } of this.#openings) aborter.abort()
    for (const shell of this.#spares.splice(0)) shell.abandon()
    for (const waiter of this.#waiting.splice(0)) waiter.give(this.#closed)
  }

  #fill(): void {
    if (this.#closed) return
    const wanted = this.#waiting.length + this.#sparesWanted
    // One that may never come counts for no command either.
    let opening = this.#recentOpenings()
    while (
      opening < this.#window.size &&
      opening + this.#spares.length < wanted &&
      this.#open < this.#ceiling
    ) {
      opening += 1
      void this.#openOne()
    }
    const limited = this.#waiting.length > opening && this.#open >= this.#ceiling
    if (limited && !this.#probe) this.#probe = setInterval(() => this.#raise(), PROBE_MS)
    if (!limited && this.#probe) {
      clearInterval(this.#probe)
      this.#probe = undefined
    }
  }

  #recentOpenings(): number {
    const since = performance.now() - STALE_MS
    let count = 0
    for (const { began } of this.#openings) if (began > since) count += 1
    return count
  }

  #raise(): void {
    this.#ceiling += 1
    this.#fill()
  }

  async #openOne(): Promise<void> {
    const { client, sessions } = this.#options
    const opening = { began: performance.now(), aborter: new AbortController() }
    this.#open += 1
    this.#openings.add(opening)
    const outcome = await sessions.open(client, opening.aborter.signal)
    this.#openings.delete(opening)
    if (outcome.kind === 'shell') {
      const now = performance.now()
      this.#loginMs = now - opening.began
      this.#window.took(opening.began, now)
      this.#add(outcome.shell)
    } else this.#missed(outcome, opening)
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
      if (performance.now() - shell.readyAt < 1000) this.#sparesWanted = 0
    }
    this.#fill()
  }

  #missed(outcome: NoShell, { aborter }: Opening): void {
    this.#open -= 1
    // Given up here, since nothing waited for it.
    if (aborter.signal.aborted) return
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

  /** Gives up logins that take too long and that nothing waits for: their sessions may be needed. */
  #trim(): void {
    const before = performance.now() - this.#options.timeoutMs
    let idle = this.#openings.size - this.#waiting.length
    for (const { began, aborter } of this.#openings) {
      if (idle <= 0) return
      if (began > before || aborter.signal.aborted) continue
      idle -= 1
      this.#sparesWanted = 0
      aborter.abort()
    }
  }

  #look(): void {
    const old = this.#spares.findIndex((shell) => performance.now() - shell.readyAt > RENEW_MS)
    if (old >= 0) this.#spares.splice(old, 1)[0]?.abandon()
    this.#trim()
    this.#fill()
  }
}
