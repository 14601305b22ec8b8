import { getHeapStatistics } from 'node:v8'
import type { RawResultEvent } from '../../shared/commands/event.js'
import type { CommandRecord } from '../../shared/commands/record.js'
import { OgentError } from '../../shared/errors.js'

const MiB = 1024 * 1024

/**
 * What one row of a list takes at most while its answer is built: 1 KiB characters of text, two bytes each, six times
 * that in JSON that escapes every one, and once more as bytes of the message.
 */
export const ROW_BYTES = 16 * 1024
/** The same for an agent of a list: its labels may be longer, and hardly ever are. */
export const AGENT_BYTES = 4 * 1024
/** The same for each byte of a result's output: as it is stored, as text, as JSON and as bytes of the message. */
const RESULT_FACTOR = 16

/** Calls that wait for room; further ones are refused. */
const MOST_WAITING = 100_000

const LARGE_RESULT = 64 * 1024

export type AnswerLimits = {
  /** Bytes of answers that are built at a time, in all, for one account, and for one batch over HTTP. */
  building: number
  buildingOfAccount: number
  batch: number
  /** Bytes of answers that were sent and not read yet, in all and for one account. */
  unread: number
  unreadOfAccount: number
}

/** By the memory that V8 was given, which it takes from that of the machine or the container where nothing is set. */
export function answerLimits(heapBytes = getHeapStatistics().heap_size_limit): AnswerLimits {
  const building = Math.min(256 * MiB, heapBytes / 8)
  return {
    building,
    buildingOfAccount: building / 4,
    batch: Math.min(96 * MiB, building),
    unread: Math.min(512 * MiB, heapBytes / 4),
    unreadOfAccount: Math.min(128 * MiB, heapBytes / 8),
  }
}

/** What the answer with this command's result takes at most; `resultBytes`: of one stream in a result. */
export function bytesOfResult(record: CommandRecord, resultBytes: number): number {
  const { command, stdout_bytes, stderr_bytes } = record
  const output = Math.min(stdout_bytes, resultBytes) + Math.min(stderr_bytes, resultBytes)
  // The text is in the record and once more in its result.
  return ROW_BYTES + RESULT_FACTOR * (output + 2 * command.length)
}

/** The same for a result that is there already. */
export function bytesOfEvent({ command, result }: RawResultEvent): number {
  return ROW_BYTES + RESULT_FACTOR * (result.stdout.length + result.stderr.length + 2 * command.length)
}

/** Whether a result takes so much that it is to be admitted; of small ones each connection may have one. */
export function isLarge({ result }: RawResultEvent): boolean {
  return result.stdout.length + result.stderr.length > LARGE_RESULT
}

type Account = { building: number; unread: number; holders: Set<Holder> }
type Holder = { account: string; bytes: number; drop: () => void }
type Waiter = { account: string; bytes: number; go: () => void }

/** What a connection has sent and its peer has not read. */
export type Unread = { set(bytes: number): void }

/**
 * Bounds the memory of answers, in all and for one account. An answer is built when there is room for it; its call
 * waits until then, and holds nothing but its input. One that is larger than all the room is built alone. What is built
 * leaves at once and is counted as unread; above that bound the connections are closed that hold the most.
 */
export class AnswerMemory {
  readonly #limits: AnswerLimits
  readonly #accounts = new Map<string, Account>()
  readonly #holders = new Set<Holder>()
  #waiting: Waiter[] = []
  #building = 0
  #unread = 0

  constructor(limits: AnswerLimits) {
    this.#limits = limits
  }

  /** What the answers of one batch over HTTP may take together. */
  get batchBytes(): number {
    return this.#limits.batch
  }

  /**
   * Resolves when an answer of so many bytes may be built, with what is to be called when it has been sent. Nothing that
   * waits for a peer may happen in between. Throws RATE_LIMITED when too many wait already.
   */
  async build(account: string, bytes: number): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#hasRoom(account, bytes)) {
      if (this.#waiting.length >= MOST_WAITING) throw tooManyWait()
      // The one that lets it go on takes the room for it.
      await new Promise<void>((go) => {
        this.#waiting.push({ account, bytes, go })
        this.#admit()
      })
    } else {
      this.#take(account, bytes)
    }
    let released = false
    return () => {
      if (released) return
      released = true
      this.#building -= bytes
      this.#at(account).building -= bytes
      this.#forget(account)
      // Not in this turn: answers that are built one after another would keep all else from its turn.
      if (this.#waiting.length > 0) setImmediate(() => this.#admit())
    }
  }

  /** Counts what is sent to one connection and not read; `drop` closes it. To be set to 0 at its end. */
  unread(account: string, drop: () => void): Unread {
    const holder: Holder = { account, bytes: 0, drop }
    return { set: (bytes) => this.#count(holder, bytes) }
  }

  #count(holder: Holder, bytes: number): void {
    if (bytes === holder.bytes) return
    const at = this.#at(holder.account)
    const more = bytes - holder.bytes
    holder.bytes = bytes
    at.unread += more
    this.#unread += more
    for (const holders of [at.holders, this.#holders]) {
      if (bytes > 0) holders.add(holder)
      else holders.delete(holder)
    }
    this.#forget(holder.account)
    if (more <= 0) return
    if (at.unread > this.#limits.unreadOfAccount) this.#drop(at.holders)
    if (this.#unread > this.#limits.unread) this.#drop(this.#holders)
  }

  #drop(holders: Set<Holder>): void {
    const largest = [...holders].reduce<Holder | undefined>(
      (found, each) => (found && found.bytes >= each.bytes ? found : each),
      undefined,
    )
    if (!largest) return
    this.#count(largest, 0)
    largest.drop()
  }

  /** In the order in which they came; those whose account has no room let others pass. */
  #admit(): void {
    const left: Waiter[] = []
    let full = false
    for (const waiter of this.#waiting) {
      const { account, bytes, go } = waiter
      if (full || !this.#accountHasRoom(account, bytes)) {
        left.push(waiter)
      } else if (this.#allHaveRoom(bytes)) {
        this.#take(account, bytes)
        go()
      } else {
        full = true
        left.push(waiter)
      }
    }
    this.#waiting = left
  }

  #hasRoom(account: string, bytes: number): boolean {
    return this.#accountHasRoom(account, bytes) && this.#allHaveRoom(bytes)
  }

  #accountHasRoom(account: string, bytes: number): boolean {
    const building = this.#accounts.get(account)?.building ?? 0
    return building === 0 || building + bytes <= this.#limits.buildingOfAccount
  }

  #allHaveRoom(bytes: number): boolean {
    return this.#building === 0 || this.#building + bytes <= this.#limits.building
  }

  #take(account: string, bytes: number): void {
    this.#building += bytes
    this.#at(account).building += bytes
  }

  #at(account: string): Account {
    const known = this.#accounts.get(account)
    if (known) return known
    const made = { building: 0, unread: 0, holders: new Set<Holder>() }
    this.#accounts.set(account, made)
    return made
  }

  #forget(account: string): void {
    const at = this.#accounts.get(account)
    if (at && at.building === 0 && at.unread === 0) this.#accounts.delete(account)
  }
}

function tooManyWait(): OgentError {
  return new OgentError('RATE_LIMITED', 'Too many calls wait for their answers already: try again later.', {
    retry_after_seconds: 1,
  })
}
