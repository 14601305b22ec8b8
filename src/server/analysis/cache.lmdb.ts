import type { Database } from 'lmdb'
import { z } from 'zod'
import { type AiProcessing, aiProcessingSchema } from '../../shared/analysis/analysis.js'
import type { LmdbFolder } from '../storage/folder.lmdb.js'
import type { Opinions } from './ports.js'

/** So many opinions are kept, of a few KB each; one more takes the place of the oldest. */
const MOST = 1000

const rowSchema = z.object({ kept_at: z.number(), opinion: aiProcessingSchema })

/** What models said of commands, in the same environment as the journal. */
export class LmdbOpinions implements Opinions {
  readonly #folder: LmdbFolder
  readonly #rows: Database<unknown, string>
  readonly #most: number
  /** Every key, the oldest first. */
  readonly #keys: Set<string>

  constructor(folder: LmdbFolder, most = MOST) {
    this.#folder = folder
    this.#most = most
    this.#rows = folder.root.openDB({ name: 'opinions' })
    const aged = [...this.#rows.getRange()].map(({ key, value }) => ({ key, kept_at: keptAt(value) }))
    this.#keys = new Set(aged.sort((a, b) => a.kept_at - b.kept_at).map(({ key }) => key))
  }

  async get(key: string): Promise<AiProcessing | undefined> {
    return rowSchema.safeParse(this.#rows.get(key)).data?.opinion
  }

  put(key: string, opinion: AiProcessing): Promise<void> {
    this.#keys.delete(key)
    this.#keys.add(key)
    const over = [...this.#keys].slice(0, Math.max(this.#keys.size - this.#most, 0))
    for (const oldest of over) this.#keys.delete(oldest)
    return this.#folder.write(() => [
      this.#rows.put(key, { kept_at: Date.now(), opinion }),
      ...over.map((oldest) => this.#rows.remove(oldest)),
    ])
  }
}

function keptAt(row: unknown): number {
  return rowSchema.safeParse(row).data?.kept_at ?? 0
}
