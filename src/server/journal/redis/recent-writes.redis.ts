import { sleep } from '../../../shared/async/sleep.js'
import type { CommandRecord } from '../../../shared/commands/record.js'
import { messageOf } from '../../../shared/errors.js'
import { commandKeys } from '../../storage/redis/keys.js'
import type { RedisServer, RedisValue } from '../../storage/redis/server.redis.js'
import { UNSYNCED_MS } from '../../storage/redis/unsynced.js'
import type { Log } from '../../telemetry/ports.js'
import { BEFORE_DRAFTS, draftsAgain, type Fields, reportOf, seqOf } from './form.redis.js'
import { appendScript, createScript } from './scripts.redis.js'

/** Writes of a command are dropped many at a time: after so long besides, in ms. */
const SLACK_MS = 1000
/** What is kept of all commands together, in bytes. */
const KEEP_BYTES = 32 * 1024 * 1024
/** Where that is too much, the oldest go until this is left, many at a time. */
const LEFT_BYTES = KEEP_BYTES * 0.75
/** What a write costs besides its bytes. */
const WRITE_OVERHEAD = 512
/** How long a hole that another controller may fill is left to it, in ms, and how often to look. */
const HOLE_MS = 3000
const LOOK_MS = 100
/** An append of so many bytes at most, as one that is given again. */
const AGAIN_BYTES = 1024 * 1024

/** One append that was acknowledged: its arguments, and the sequence of each draft or 0. */
type Write = { args: RedisValue[]; seqs: number[]; bytes: number; at: number }
type Creation = { record: CommandRecord; args: RedisValue[]; bytes: number; at: number }
type Recent = { creation: Creation | undefined; writes: Write[]; seq: number; report: number; at: number }

export type RecentWritesOptions = {
  redis: RedisServer
  log: Log
  /** Names a command in the indexes once more. */
  index(record: CommandRecord): Promise<void>
  /** Called for each command that was given to Redis again; `whole` is false where something of it is gone. */
  onRestored(command_id: string, whole: boolean): Promise<void>
}

/**
 * What this controller wrote in the last seconds, to be given again to a Redis that came back without it. Until that is
 * done, `held` keeps new appends from taking the places of those.
 */
export class RedisRecentWrites {
  readonly #options: RecentWritesOptions
  /** By command, the least recently written first. */
  readonly #recent = new Map<string, Recent>()
  #bytes = 0
  #held: Promise<void> | undefined
  #release: () => void = () => {}
  #restoring = false
  #again = false
  #closed = false
  readonly #timer: NodeJS.Timeout

  constructor(options: RecentWritesOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#forget(options.redis.answeredAt), UNSYNCED_MS).unref()
    options.redis.onLost(() => this.#hold())
    options.redis.onReady(() => void this.#restoreAll())
  }

  created(record: CommandRecord, args: RedisValue[]): void {
    const bytes = WRITE_OVERHEAD + sizeOf(args)
    const recent = this.#take(record.command_id)
    recent.creation = { record, args, bytes, at: recent.at }
    recent.seq = Math.max(recent.seq, 1)
    this.#keep(record.command_id, recent, bytes)
  }

  /** `report`: the highest number that is placed now. */
  appended(command_id: string, args: RedisValue[], seqs: number[], report: number): void {
    const bytes = WRITE_OVERHEAD + sizeOf(args)
    const recent = this.#take(command_id)
    recent.writes.push({ args, seqs, bytes, at: recent.at })
    recent.seq = Math.max(recent.seq, ...seqs)
    recent.report = Math.max(recent.report, report)
    this.#keep(command_id, recent, bytes)
  }

  /** Set while what Redis may have lost of a command is given to it again. */
  held(command_id: string): Promise<void> | undefined {
    return this.#held && this.#recent.has(command_id) ? this.#held : undefined
  }

  /** The last sequence that this controller wrote of a command in the last seconds; 0 where it wrote nothing. */
  lastSeq(command_id: string): number {
    return this.#recent.get(command_id)?.seq ?? 0
  }

  /** Whether Redis has just come back, so that some controller may be about to give it again what it lacks. */
  get isNew(): boolean {
    return !this.#closed && performance.now() - this.#options.redis.readyAt <= HOLE_MS
  }

  /** Gives again what is missing of a command; false where nothing was, or it is not known here. */
  async restore(command_id: string): Promise<boolean> {
    if (!this.#recent.has(command_id)) return false
    return this.#restore(command_id, performance.now() + HOLE_MS)
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    this.#recent.clear()
    this.#release()
  }

  #take(command_id: string): Recent {
    const at = performance.now()
    const recent = this.#recent.get(command_id) ?? { creation: undefined, writes: [], seq: 0, report: 0, at }
    recent.at = at
    // Set again at the end of the map: its order is the order of use.
    this.#recent.delete(command_id)
    this.#recent.set(command_id, recent)
    return recent
  }

  #keep(command_id: string, recent: Recent, bytes: number): void {
    this.#bytes += bytes
    const [oldest] = recent.writes
    if ((oldest ?? recent).at < recent.at - UNSYNCED_MS - SLACK_MS)
      this.#trim(recent, recent.at - UNSYNCED_MS)
    this.#forget(recent.at)
    if (this.#bytes <= KEEP_BYTES) return
    this.#trim(recent, Number.POSITIVE_INFINITY, 1)
    for (const [id, other] of this.#recent) {
      if (this.#bytes <= LEFT_BYTES) return
      if (id !== command_id) this.#trim(other, Number.POSITIVE_INFINITY)
    }
  }

  /** A Redis that has answered then has in its file what is older than it puts writing off. */
  #forget(answeredAt: number): void {
    if (this.#held) return
    for (const [id, recent] of this.#recent) {
      if (recent.at >= answeredAt - UNSYNCED_MS) return
      this.#trim(recent, answeredAt - UNSYNCED_MS)
      this.#recent.delete(id)
    }
  }

  /** Drops the oldest writes of a command: those before `old`, or while all together are too many. */
  #trim(recent: Recent, old: number, leave = 0): void {
    if (this.#held) return
    const all = old === Number.POSITIVE_INFINITY
    const { creation, writes } = recent
    if (creation && creation.at < old) {
      this.#bytes -= creation.bytes
      recent.creation = undefined
    }
    let count = 0
    for (const write of writes) {
      if (write.at >= old || count >= writes.length - leave || (all && this.#bytes <= LEFT_BYTES)) break
      this.#bytes -= write.bytes
      count += 1
    }
    if (count > 0) writes.splice(0, count)
  }

  #drop(command_id: string, recent: Recent): void {
    this.#bytes -= recent.writes.reduce((sum, { bytes }) => sum + bytes, recent.creation?.bytes ?? 0)
    this.#recent.delete(command_id)
  }

  #hold(): void {
    if (this.#held || this.#closed || this.#recent.size === 0) return
    this.#held = new Promise((resolve) => {
      this.#release = resolve
    })
  }

  async #restoreAll(): Promise<void> {
    this.#again = true
    if (this.#restoring || !this.#held) return
    this.#restoring = true
    try {
      while (this.#again && !this.#closed) {
        // Set once more by a connection that is new once more.
        this.#again = false
        const deadline = performance.now() + HOLE_MS
        const ids = [...this.#recent.keys()]
        const done = await Promise.all(ids.map((id) => this.#restore(id, deadline)))
        const count = done.filter(Boolean).length
        this.#renew()
        if (count > 0) {
          this.#options.log.warn(
            { commands: count },
            'Redis came back without its last writes, they were given again',
          )
        }
      }
    } finally {
      this.#restoring = false
      this.#held = undefined
      this.#release()
    }
  }

  /** What was given again may be lost again. */
  #renew(): void {
    const at = performance.now()
    for (const recent of this.#recent.values()) {
      recent.at = at
      if (recent.creation) recent.creation.at = at
      for (const write of recent.writes) write.at = at
    }
  }

  async #restore(command_id: string, deadline: number): Promise<boolean> {
    const { redis, log } = this.#options
    const recent = this.#recent.get(command_id)
    if (!recent) return false
    try {
      const stood = await redis.patiently(() => this.#applyDrafts(command_id, []))
      if (holds(recent, stood)) return false
      const whole = await redis.patiently(() => this.#fill(command_id, recent, deadline))
      if (!whole) {
        log.error({ command_id }, 'Redis came back without its last writes, and not all could be given again')
        // What its agent reports next has other places and numbers.
        this.#drop(command_id, recent)
      }
      await this.#options.onRestored(command_id, whole)
      return true
    } catch (error) {
      if (!this.#closed)
        log.error({ command_id, cause: messageOf(error) }, 'a command was not given to Redis again')
      return false
    }
  }

  /** Each in the very place that it had. What another controller wrote in between is that one's to give. */
  async #fill(command_id: string, recent: Recent, deadline: number): Promise<boolean> {
    while (true) {
      let state = await this.#applyDrafts(command_id, [])
      if (!state && recent.creation) {
        await this.#create(command_id, recent.creation)
        state = await this.#applyDrafts(command_id, [])
      }
      if (state) state = await this.#giveAgain(command_id, recent, true)
      if (holds(recent, state)) return true
      const taken = state !== undefined && seqOf(state) >= recent.seq
      if (taken || performance.now() > deadline) break
      await pause()
    }
    // Something else has a place of theirs: what an agent reported has numbers of its own, and is in order by them.
    const state = await this.#giveAgain(command_id, recent, false)
    return state !== undefined && reportOf(state) >= recent.report
  }

  async #create(command_id: string, { record, args }: Creation): Promise<void> {
    await this.#options.index(record)
    // It was in time when it was made.
    const again = args.with(DEADLINE_AT, Number.MAX_SAFE_INTEGER)
    await this.#options.redis.run(createScript, commandKeys(command_id), again)
  }

  async #giveAgain(command_id: string, { writes }: Recent, inPlace: boolean): Promise<Fields | undefined> {
    let state: Fields | undefined
    let drafts: RedisValue[] = []
    let bytes = 0
    for (const write of writes) {
      drafts.push(...draftsAgain(write, inPlace))
      bytes += write.bytes
      if (bytes < AGAIN_BYTES) continue
      state = await this.#applyDrafts(command_id, drafts, write.args)
      drafts = []
      bytes = 0
    }
    return drafts.length > 0 || !state ? this.#applyDrafts(command_id, drafts, writes[0]?.args) : state
  }

  async #applyDrafts(
    command_id: string,
    drafts: RedisValue[],
    like: RedisValue[] = ['', 1],
  ): Promise<Fields | undefined> {
    const args = [...like.slice(0, BEFORE_DRAFTS), ...drafts]
    const reply = await this.#options.redis.run(appendScript, commandKeys(command_id), args)
    // The script's own form: see there.
    return reply === null ? undefined : (reply as [number[], number, Fields])[2]
  }
}

/** Of the create script. */
const DEADLINE_AT = 5

function holds({ seq, report }: Recent, state: Fields | undefined): boolean {
  return state !== undefined && seqOf(state) >= seq && reportOf(state) >= report
}

/** Before the next look at what Redis has. */
export function pause(): Promise<void> {
  return sleep(LOOK_MS)
}

function sizeOf(args: RedisValue[]): number {
  let size = 0
  for (const arg of args) if (typeof arg !== 'number') size += arg.length
  return size
}
