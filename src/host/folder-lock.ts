import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { markOf, type ProcessMark } from './process-mark.js'

/** Holds a folder for one process of a role. A lock whose process is gone does not count. */
export class FolderLock {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /** Throws when another process that is alive holds the folder; `mend` says what to do then. */
  static take(folder: string, role: string, mend: string): FolderLock {
    const file = join(folder, `${role}.lock`)
    const holder = read(file)
    if (holder && holder.pgid !== process.pid && isAlive(holder)) {
      throw new Error(`${folder} is in use by the ${role} with process id ${holder.pgid}: ${mend}`)
    }
    writeFileSync(file, JSON.stringify(markOf(process.pid) ?? {}), { mode: 0o600 })
    return new FolderLock(file)
  }

  release(): void {
    rmSync(this.#file, { force: true })
  }
}

function isAlive(holder: ProcessMark): boolean {
  const now = markOf(holder.pgid)
  return now !== undefined && now.started === holder.started && now.boot === holder.boot
}

function read(file: string): ProcessMark | undefined {
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
