import { isOutput } from '../../shared/commands/event-text.js'
import type { Entry } from './port.js'

/** What all tails together may hold, in bytes of output. */
const TOTAL_BYTES = 16 * 1024 * 1024
/** What one command's tail keeps of what is committed. */
const COMMAND_BYTES = 1024 * 1024
/** What an entry costs besides its bytes. */
const ENTRY_OVERHEAD = 512

type Tail = { entries: Entry[]; bytes: number; committed: number }

/**
 * The newest entries of commands, kept in memory for those who follow live. What is not committed yet is
 * always here, since the store may not show it; that part is bounded by the agents' windows, as receipts wait
 * for the commit. Committed entries go when there are too many: the store has them.
 */
export class EventTail {
  readonly #tails = new Map<string, Tail>()
  #bytes = 0

  add(command_id: string, entries: Entry[], committed: Promise<void>): void {
    const tail = this.#tails.get(command_id) ?? { entries: [], bytes: 0, committed: 0 }
    const expected = (tail.entries.at(-1)?.seq ?? 0) + 1
    // Another controller wrote in between: what lies before the gap is only in the store.
    if (tail.entries.length > 0 && entries[0]?.seq !== expected) this.#clear(tail)
    // Set again at the end of the map: its order is the order of use.
    this.#tails.delete(command_id)
    this.#tails.set(command_id, tail)
    for (const entry of entries) {
      tail.entries.push(entry)
      tail.bytes += costOf(entry)
      this.#bytes += costOf(entry)
    }
    const last = entries.at(-1)?.seq ?? 0
    committed.then(
      () => {
        tail.committed = Math.max(tail.committed, last)
        this.#trim(command_id, tail)
      },
      // The store retries for as long as it lives; it only gives up when it is closed.
      () => {},
    )
  }

  /** Entries from `seq` on, about `maxBytes` of them; undefined where the tail does not reach back so far. */
  from(command_id: string, seq: number, maxBytes: number): Entry[] | undefined {
    const tail = this.#tails.get(command_id)
    const first = tail?.entries[0]
    if (!tail || !first || seq < first.seq) return undefined
    const page: Entry[] = []
    let bytes = 0
    for (let at = seq - first.seq; at < tail.entries.length && bytes < maxBytes; at++) {
      const entry = tail.entries[at]
      if (!entry) break
      page.push(entry)
      bytes += costOf(entry)
    }
    return page
  }

  #trim(command_id: string, tail: Tail): void {
    this.#drop(command_id, tail, COMMAND_BYTES)
    if (this.#bytes <= TOTAL_BYTES) return
    for (const [id, other] of this.#tails) {
      this.#drop(id, other, 0)
      if (this.#bytes <= TOTAL_BYTES) return
    }
  }

  #clear(tail: Tail): void {
    this.#bytes -= tail.bytes
    tail.bytes = 0
    tail.entries = []
  }

  #drop(command_id: string, tail: Tail, keep: number): void {
    let count = 0
    for (const entry of tail.entries) {
      if (tail.bytes <= keep || entry.seq > tail.committed) break
      tail.bytes -= costOf(entry)
      this.#bytes -= costOf(entry)
      count += 1
    }
    if (count > 0) tail.entries.splice(0, count)
    if (tail.entries.length === 0 && this.#tails.get(command_id) === tail) this.#tails.delete(command_id)
  }
}

function costOf({ event }: Entry): number {
  if (isOutput(event)) return ENTRY_OVERHEAD + event.data.length
  return ENTRY_OVERHEAD + ('command' in event ? event.command.length : 0)
}
