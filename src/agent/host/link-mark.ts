import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file that is as new as the last sign of life of the agent's link, for health checks; gone while it is down. */
export class LinkMark {
  readonly #file: string

  /** What an agent that was killed left behind says nothing. */
  constructor(folder: string) {
    this.#file = join(folder, 'linked')
    this.down()
  }

  alive(): void {
    try {
      writeFileSync(this.#file, '', { mode: 0o600 })
    } catch {
      // A disk that is full must not end the link: the mark grows old, and the check says so.
    }
  }

  down(): void {
    rmSync(this.#file, { force: true })
  }
}
