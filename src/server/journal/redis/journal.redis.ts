import { LRUCache } from 'lru-cache'
import {
  type CommandPage,
  type CommandQuery,
  type CommandRecord,
  isEndedBefore,
  listedRecord,
} from '../../../shared/commands/record.js'
import { OgentError } from '../../../shared/errors.js'
import { newId } from '../../../shared/id.js'
import type { ExecuteOrder } from '../../../shared/link/protocol.js'
import type { Events } from '../../events.js'
import { commandChannel, commandKeys, indexKeys } from '../../storage/redis/keys.js'
import type { RedisServer, RedisValue } from '../../storage/redis/server.redis.js'
import type { Log } from '../../telemetry/ports.js'
import { cursorOf, matches, parseCursor } from '../page.js'
import type { Appended, CommandState, Created, Draft, Entry, JournalStore, NewCommand } from '../port.js'
import { headOf, withAnalysis } from '../state.js'
import {
  argsOf,
  type Base,
  decode,
  encode,
  foldFacts,
  isBack,
  openName,
  type Standing,
  toHead,
} from './form.redis.js'
import { RedisJournalIndex, type Timed } from './index.redis.js'
import { pause, RedisRecentWrites } from './recent-writes.redis.js'
import { appendScript, createScript, headScript, readScript } from './scripts.redis.js'

/** Entries of one page, besides its bound in bytes. */
const PAGE_ENTRIES = 500
/** Commands looked at in one go by a listing or a search for old ones. */
const SCAN_STEP = 200
/** Commands looked at for one page of a search; a page may end early, with a cursor to go on. */
const SCAN_LIMIT = 5000
/** Commands remembered by this process; each is a few KB. */
const KNOWN = 5000
/** A command whose text is longer than this is asked for each time instead. */
const LARGE = 16 * 1024
/** A new command that Redis sees later than this was refused to the one who asked for it, in ms. */
const CREATE_MS = 4500
/** A follower of what is written here hears of others' words only after so long: mostly it is over before, in ms. */
const PATIENT_LISTEN_MS = 250

export type RedisJournalOptions = {
  /** How long a command is kept after its end, in ms. */
  keepMs: number
  /** Whether the agent's link is held by this process, so that most of what comes is written by it. */
  isHere?: (agent_id: string) => boolean
  /** Told where Redis came back without its last writes. */
  log?: Log
  /** Where `agent_set_back` is published: Redis has lost something of a command that this process cannot restore. */
  events?: Events
}

type Known = { base: Base; head: CommandState }
type Row = Timed & { record: CommandRecord | undefined }

/**
 * The journal in Redis, shared by any number of controllers: what gets which place is decided there, in one step for
 * each batch. The index is written before what it points to.
 */
export class RedisJournal implements JournalStore {
  readonly #redis: RedisServer
  readonly #index: RedisJournalIndex
  readonly #options: RedisJournalOptions
  /** Commands that this process has heard of, the least recently first. */
  readonly #known = new LRUCache<string, Known>({ max: KNOWN })
  /** Appends without an answer, by command: the last of each. */
  readonly #pending = new Map<string, Promise<unknown>>()
  readonly #recent: RedisRecentWrites

  constructor(redis: RedisServer, options: RedisJournalOptions) {
    this.#redis = redis
    this.#index = new RedisJournalIndex(redis)
    this.#options = options
    this.#recent = new RedisRecentWrites({
      redis,
      log: options.log ?? quiet,
      index: (record) => this.#index.add(record),
      onRestored: (command_id, whole) => this.#restored(command_id, whole),
    })
  }

  async create(command: NewCommand): Promise<Created> {
    const { record, order, on_disconnect, request_hash, event } = command
    const { command_id } = record
    const deadline = this.#redis.now() + CREATE_MS
    const indexed = this.#index.add(record)
    indexed.catch(() => {})
    const args = [
      newId(),
      JSON.stringify(record),
      JSON.stringify(order),
      on_disconnect,
      encode(event),
      deadline,
      request_hash ?? '',
      order.expires_at,
      order.max_output_bytes,
    ]
    const said = String(await this.#redis.run(createScript, commandKeys(command_id), args))
    if (said === 'late') throw new OgentError('UNAVAILABLE', 'Redis is too slow now; nothing was started.')
    await indexed
    const made = headOf(command)
    if (said === 'made') this.#recent.created(record, args)
    const head = said === 'made' ? this.#remember(made, made) : await this.head(command_id)
    // Pruned between two looks.
    if (!head) throw new OgentError('UNAVAILABLE', `Command ${command_id} was forgotten in this moment.`)
    if (head.result_seq !== undefined) this.#close(head)
    return { created: said === 'made', head, durable: Promise.resolve(), committed: Promise.resolve() }
  }

  append(command_id: string, drafts: Draft[]): Promise<Appended | undefined> {
    const before = this.#pending.get(command_id)
    const done = this.#append(command_id, drafts, before)
    this.#pending.set(command_id, done)
    const settle = () => {
      if (this.#pending.get(command_id) === done) this.#pending.delete(command_id)
    }
    done.then(settle, settle)
    return done
  }

  async head(command_id: string): Promise<CommandState | undefined> {
    const ask = () => this.#redis.run(headScript, commandKeys(command_id).slice(0, 1), [])
    // The script's own form: see there.
    const reply = await this.#whole(command_id, ask, (said) => (said as [unknown, Standing])[1])
    if (reply === null) {
      this.#known.delete(command_id)
      return undefined
    }
    // The script's own form: see there.
    const [[record, disc, hash, exp, max], standing, order] = reply as [
      (Buffer | null)[],
      Standing,
      Buffer | null,
    ]
    const old = order ? (JSON.parse(String(order)) as ExecuteOrder) : undefined
    const base: Base = {
      // Written by `create` alone.
      record: JSON.parse(String(record)) as CommandRecord,
      on_disconnect: String(disc) === 'cancel' ? 'cancel' : 'continue',
      request_hash: hash ? String(hash) : undefined,
      expires_at: Number(exp ?? old?.expires_at ?? 0),
      max_output_bytes: Number(max ?? old?.max_output_bytes ?? Number.MAX_SAFE_INTEGER),
    }
    return this.#remember(base, toHead(base, standing))
  }

  async order(command_id: string): Promise<ExecuteOrder | undefined> {
    const [head] = commandKeys(command_id)
    const ask = () => this.#redis.patiently(() => this.#redis.call('hget', head, 'order'))
    let order = await ask()
    if (order === null && this.#recent.isNew) {
      // Its command may be about to be given again.
      await this.#redis.patiently(() => this.head(command_id))
      order = await ask()
    }
    // Written by `create` alone.
    return order === null ? undefined : (JSON.parse(String(order)) as ExecuteOrder)
  }

  stillOpen(commands: { agent_id: string; command_id: string }[]): Promise<string[]> {
    return this.#index.stillOpen(commands)
  }

  recent(command_id: string): CommandState | undefined {
    return this.#known.get(command_id)?.head
  }

  async read(command_id: string, from_seq: number, maxBytes: number): Promise<Entry[]> {
    const args = [from_seq, Math.max(maxBytes, 1), PAGE_ENTRIES]
    // Whoever reads on waits while Redis is away: it is not over.
    const keys = commandKeys(command_id)
    const look = () => this.#redis.patiently(() => this.#redis.run(readScript, keys, args))
    // The script's own form: see there.
    const reply = await this.#whole(command_id, look, (said) => (said as [Standing])[0])
    if (reply === null) {
      this.#known.delete(command_id)
      return []
    }
    // The script's own form: see there.
    const [standing, ...flat] = reply as [Standing, ...(number | Buffer)[]]
    const known = this.#known.get(command_id)
    if (known) this.#remember(known.base, toHead(known.base, standing))
    const entries: Entry[] = []
    for (let at = 0; at + 2 < flat.length; at += 3) {
      const report = String(flat[at + 1])
      entries.push({
        seq: Number(flat[at]),
        report: report === '' ? undefined : Number(report),
        event: decode(flat[at + 2]),
      })
    }
    return entries
  }

  async list(query: CommandQuery): Promise<CommandPage> {
    const text = query.q?.toLowerCase()
    const page: CommandRecord[] = []
    let looked = 0
    for await (const { time, id, record } of this.#newestFirst(query)) {
      looked += 1
      if (record && matches(record, query.status, text)) page.push(listedRecord(record))
      if (page.length >= query.limit || looked >= SCAN_LIMIT) {
        return { commands: page, next_cursor: cursorOf(new Date(time).toISOString(), id) }
      }
    }
    return { commands: page, next_cursor: null }
  }

  async *open(agent_id?: string): AsyncIterable<CommandState> {
    for (const named of await this.#index.open(agent_id)) {
      const head = await this.head(named.command_id)
      if (head && head.result_seq === undefined) yield head
      else if (head || this.#index.isLeftover({ time: await this.#index.timeOf(named) })) {
        await this.#index.removeOpen(named.name)
      }
    }
  }

  /** Commands that may be open, as the index has them. */
  async openIds(): Promise<{ agent_id: string; command_id: string }[]> {
    return this.#index.open(undefined)
  }

  watch(command_id: string, onMore: () => void): () => void {
    const agent_id = this.#known.get(command_id)?.base.record.agent_id
    const here = agent_id !== undefined && (this.#options.isHere?.(agent_id) ?? false)
    return this.#redis.notifications.listen(commandChannel(command_id), onMore, here ? PATIENT_LISTEN_MS : 0)
  }

  async prune(endedBefore: string): Promise<number> {
    let pruned = 0
    let from = 0
    const until = Date.parse(endedBefore)
    while (true) {
      const found = await this.#records(await this.#index.oldest(until, from, SCAN_STEP))
      for (const row of found) {
        const { record } = row
        const old = record ? isEndedBefore(record, endedBefore) : this.#index.isLeftover(row)
        if (!old) {
          from += 1
          continue
        }
        await this.#remove(row)
        if (record) pruned += 1
      }
      if (found.length < SCAN_STEP) return pruned
    }
  }

  async check(): Promise<void> {
    await this.#redis.call('set', indexKeys.probe, Date.now(), 'PX', 60_000)
  }

  async close(): Promise<void> {
    this.#recent.close()
    await this.#redis.close()
  }

  /**
   * An answer about a command. Where Redis has just come back with less than this controller knows of, it is asked
   * again for a while: whoever wrote that may be about to give it again, and what was told must not be taken back.
   */
  async #whole(
    command_id: string,
    ask: () => Promise<unknown>,
    standingOf: (reply: unknown) => Standing,
  ): Promise<unknown> {
    while (true) {
      const reply = await ask()
      if (!this.#recent.isNew) return reply
      const known = this.#known.get(command_id)?.head.last_seq ?? 0
      const seq = reply === null ? 0 : Number(standingOf(reply)[0])
      if (seq >= Math.max(known, this.#recent.lastSeq(command_id))) return reply
      await pause()
    }
  }

  async #append(
    command_id: string,
    drafts: Draft[],
    before: Promise<unknown> | undefined,
  ): Promise<Appended | undefined> {
    const base = await this.#base(command_id, drafts)
    if (base === 'unknown') return undefined
    const placed = drafts.map(({ event }) => (base ? withAnalysis(event, base) : event))
    const args: RedisValue[] = [commandChannel(command_id), Math.ceil(this.#options.keepMs)]
    for (const [at, draft] of drafts.entries()) args.push(...argsOf(draft, placed[at] ?? draft.event))
    if (base && drafts.some(({ event }) => isBack(event))) {
      await this.#redis.patiently(() => this.#index.addOpen(base.record))
    }
    const reply = await this.#applyDrafts(command_id, args, before)
    if (reply === null) return undefined
    // The script's own form: see there.
    const [seqs, gap, standing] = reply as [number[], number, Standing]
    const entries: Entry[] = []
    for (const [at, seq] of seqs.entries()) {
      const event = placed[at]
      if (seq > 0 && event) entries.push({ seq, report: drafts[at]?.report, event })
    }
    if (entries.length > 0) this.#recent.appended(command_id, args, seqs, Number(standing[1]))
    // Redis has less than was known here: from now on that is what counts.
    if (gap === 1) this.#known.delete(command_id)
    const head = await this.#headAfter(command_id, standing)
    if (!head) return undefined
    if (entries.length > 0 && head.result_seq !== undefined) this.#close(head)
    return { entries, head, committed: Promise.resolve() }
  }

  /** Places the drafts, however long that takes. Reports whose predecessors have not been taken yet come after them. */
  async #applyDrafts(
    command_id: string,
    args: RedisValue[],
    before: Promise<unknown> | undefined,
  ): Promise<unknown> {
    const once = () => {
      const held = this.#recent.held(command_id)
      const run = () => this.#redis.run(appendScript, commandKeys(command_id), args)
      return held ? held.then(run) : run()
    }
    let reply = await this.#redis.patiently(once)
    if (hasGap(reply) && before) {
      await before.catch(() => {})
      reply = await this.#redis.patiently(once)
    }
    // A failover within a cluster leaves the connection as it is.
    if (!hasGap(reply) || !(await this.#recent.restore(command_id))) return reply
    return this.#redis.patiently(once)
  }

  /** Puts right what depends on a command that was given to Redis again. */
  async #restored(command_id: string, whole: boolean): Promise<void> {
    if (!whole) this.#known.delete(command_id)
    const head = await this.#redis.patiently(() => this.head(command_id))
    if (!head) return
    if (head.result_seq === undefined) await this.#redis.patiently(() => this.#index.addOpen(head.record))
    else this.#close(head)
    if (!whole) this.#options.events?.publish({ type: 'agent_set_back', agent_id: head.record.agent_id })
  }

  /** What never changes of a command, where the drafts need it: a result repeats what was said of its command. */
  async #base(command_id: string, drafts: Draft[]): Promise<Base | 'unknown' | undefined> {
    const known = this.#known.get(command_id)?.base
    if (known || !drafts.some(({ event }) => event.type === 'command_result' || isBack(event))) return known
    const head = await this.#redis.patiently(() => this.head(command_id))
    return head ? this.#known.get(command_id)?.base : 'unknown'
  }

  async #headAfter(command_id: string, standing: Standing): Promise<CommandState | undefined> {
    const known = this.#known.get(command_id)
    if (!known) return this.#redis.patiently(() => this.head(command_id))
    const head = toHead(known.base, standing)
    // Answers come in the order of the questions, but not where one was asked twice.
    return head.last_seq >= known.head.last_seq ? this.#remember(known.base, head) : known.head
  }

  #remember(base: Base, head: CommandState): CommandState {
    const { command_id } = base.record
    if (head.record.command.length > LARGE) this.#known.delete(command_id)
    else this.#known.set(command_id, { base, head })
    return head
  }

  /** In the background: an index that still names an ended command is put right by whoever reads it. */
  #close({ record }: CommandState): void {
    this.#index.removeOpen(openName(record)).catch(() => {})
  }

  async *#newestFirst({ agent_id, cursor, limit }: CommandQuery): AsyncGenerator<Row> {
    const given = cursor === undefined ? undefined : parseCursor(cursor)
    const behind = given && { time: Date.parse(given.time), id: given.id }
    const step = Math.min(limit + 1, SCAN_STEP)
    for await (const rows of this.#index.newestFirst(agent_id, behind, step)) yield* await this.#records(rows)
  }

  async #records(rows: Timed[]): Promise<Row[]> {
    return Promise.all(
      rows.map(async (row) => {
        const [head] = commandKeys(row.id)
        const reply = await this.#redis.call('hmget', head, 'record', 'facts')
        const [record, facts] = Array.isArray(reply) ? reply : []
        // Written by `create` alone.
        const made = record ? (JSON.parse(String(record)) as CommandRecord) : undefined
        return { ...row, record: made && foldFacts(made, facts) }
      }),
    )
  }

  async #remove(row: Timed): Promise<void> {
    this.#known.delete(row.id)
    await this.#redis.call('unlink', ...commandKeys(row.id))
    await this.#index.remove(row)
  }
}

/** Whether something that comes before what was to be placed is missing: a report, or the whole command. */
function hasGap(reply: unknown): boolean {
  return reply === null || (Array.isArray(reply) && reply[1] === 1)
}

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} }
