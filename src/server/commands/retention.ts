import type { Journal } from '../journal/journal.js'
import type { Log } from '../telemetry/ports.js'

const HOUR_MS = 3600 * 1000
/** How often old commands are looked for, in ms: often enough for the shortest retention to mean something. */
const EVERY_MS = 10 * 60 * 1000

/** Forgets commands some hours after their end. */
export class Retention {
  readonly #journal: Journal
  readonly #keepMs: number
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #busy = false

  constructor(journal: Journal, hours: number, log: Log) {
    this.#journal = journal
    this.#keepMs = hours * HOUR_MS
    this.#log = log
    this.#timer = setInterval(() => this.#run(), Math.min(EVERY_MS, Math.max(this.#keepMs / 2, 1000)))
    this.#timer.unref()
    this.#run()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #run(): void {
    if (this.#busy) return
    this.#busy = true
    this.#prune()
      .catch((error) => this.#log.error({ err: error }, 'old commands could not be forgotten'))
      .finally(() => {
        this.#busy = false
      })
  }

  async #prune(): Promise<void> {
    const count = await this.#journal.prune(new Date(Date.now() - this.#keepMs).toISOString())
    if (count > 0) this.#log.info({ count }, 'forgot commands past their retention')
  }
}
