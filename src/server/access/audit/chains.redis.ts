import { type AuditRecord, auditRecordSchema } from '../../../shared/access/audit.js'
import type { Place } from './ports.js'

/** Records of one chain that are read in one go. */
export const PAGE = 200

/** Reads one chain backwards, a page at a time. */
export class ChainReader {
  readonly #page: (from: string) => Promise<string[]>
  readonly #before: Place | undefined
  #from: string
  #rows: AuditRecord[] = []
  #atEnd = false

  constructor(page: (from: string) => Promise<string[]>, from: string, before: Place | undefined) {
    this.#page = page
    this.#from = from
    this.#before = before
  }

  get record(): AuditRecord | undefined {
    return this.#rows[0]
  }

  /** Goes to the next record; false where there is none. */
  async advance(): Promise<boolean> {
    this.#rows.shift()
    while (this.#rows.length === 0 && !this.#atEnd) {
      const rows = (await this.#page(this.#from)).map(recordOf)
      const last = rows.at(-1)
      this.#atEnd = rows.length < PAGE
      if (last) this.#from = `(${idOf(last)}`
      const before = this.#before
      this.#rows = before === undefined ? rows : rows.filter((record) => compare(placeOf(record), before) < 0)
    }
    return this.#rows.length > 0
  }
}

export function newestOf(readers: ChainReader[]): { reader: ChainReader; record: AuditRecord } | undefined {
  let newest: { reader: ChainReader; record: AuditRecord } | undefined
  for (const reader of readers) {
    const { record } = reader
    if (record && (!newest || compare(placeOf(record), placeOf(newest.record)) > 0))
      newest = { reader, record }
  }
  return newest
}

function compare(a: Place, b: Place): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1
  if (a.chain !== b.chain) return a.chain < b.chain ? -1 : 1
  return a.seq - b.seq
}

function placeOf({ timestamp, chain, seq }: AuditRecord): Place {
  return { time: timestamp, chain, seq }
}

/** The highest id that a record before the place may have. */
export function placeAfter({ time }: Place): string {
  return `${Date.parse(time)}-18446744073709551615`
}

export function idOf({ timestamp, seq }: { timestamp: string; seq: number }): string {
  return `${Date.parse(timestamp)}-${seq}`
}

/** Only this class writes them; a record of a later version may have more fields. */
export function recordOf(json: string): AuditRecord {
  return auditRecordSchema.loose().parse(JSON.parse(json)) as AuditRecord
}
