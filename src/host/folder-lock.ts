import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { markOf } from '../core/process-mark.js'

/** Holds a state folder for one agent process. A lock whose process is gone does not count. */
export class StateLock {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /** Throws when another agent that is alive uses the folder. */
  static take(folder: string): StateLock {
    const file = join(folder, 'agent.lock')
    const holder = read(file)
    const now = holder === undefined ? undefined : markOf(holder.pgid)
    if (
      holder &&
      now &&
      holder.pgid !== process.pid &&
      now.started === holder.started &&
      now.boot === holder.boot
    ) {
      throw new Error(
        `${folder} is in use by the agent with process id ${holder.pgid}: set another AGENT_STATE_DIR.`,
      )
    }
    writeFileSync(file, JSON.stringify(markOf(process.pid) ?? {}), { mode: 0o600 })
    return new StateLock(file)
  }

  release(): void {
    rmSync(this.#file, { force: true })
  }
}

function read(file: string): { pgid: number; started: string; boot: string } | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof value !== 'object' || value === null) return undefined
    const { pgid, started, boot } = value as Record<string, unknown>
    if (typeof pgid !== 'number' || typeof started !== 'string' || typeof boot !== 'string') return undefined
    return { pgid, started, boot }
  } catch {
    return undefined
  }
}
