import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeWholeFile } from '../../host/whole-file.js'
import { type AuditCheckpoint, auditCheckpointSchema, auditLimits } from '../../shared/access/audit.js'

/** Checkpoints of one second share a write: an order must not wait for the disk. */
const WRITE_MS = 1000

/**
 * The newest checkpoints of the audit that controllers have sent, on disk: what is in them cannot be changed at the controller
 * unseen. Of a record that is named twice both are kept where they differ.
 */
export class Witness {
  readonly #file: string
  readonly #kept: AuditCheckpoint[]
  #timer: NodeJS.Timeout | undefined

  constructor(folder: string) {
    this.#file = join(folder, 'checkpoints.jsonl')
    this.#kept = read(this.#file)
  }

  /** The oldest first. */
  get checkpoints(): AuditCheckpoint[] {
    return [...this.#kept]
  }

  note(checkpoint: AuditCheckpoint | undefined): void {
    if (!checkpoint) return
    const { chain, seq, hash } = checkpoint
    if (this.#kept.some((one) => one.chain === chain && one.seq === seq && one.hash === hash)) return
    this.#kept.push(checkpoint)
    this.#kept.splice(0, this.#kept.length - auditLimits.witnessed)
    this.#timer ??= setTimeout(() => this.#write(), WRITE_MS).unref()
  }

  close(): void {
    if (this.#timer) this.#write()
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    try {
      writeWholeFile(this.#file, this.#kept.map((one) => `${JSON.stringify(one)}\n`).join(''))
    } catch {
      // A full disk must not end the agent: what it has in memory it can still tell.
    }
  }
}

function read(file: string): AuditCheckpoint[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => parsed(line) ?? [])
}

function parsed(line: string): AuditCheckpoint | undefined {
  try {
    return auditCheckpointSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
