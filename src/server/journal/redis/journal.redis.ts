import type { CommandPage } from '../../../shared/commands/record.js'
import { OgentError } from '../../../shared/errors.js'
import type { ExecuteOrder } from '../../../shared/link/protocol.js'
import type { Events } from '../../events.js'
import { commandChannel, commandKeys, indexKeys } from '../../storage/redis/keys.js'
import type { RedisServer, RedisValue } from '../../storage/redis/server.redis.js'
import type { Log } from '../../telemetry/ports.js'
import type { ListQuery } from '../page.js'
import type { Appended, CommandState, Created, Draft, Entry, JournalStore, NewCommand } from '../port.js'
import { newState, withAnalysis } from '../state.js'
import {
  argsOf,
  type Base,
  createArgs,
  type Fields,
  hasGap,
  isBack,
  openName,
  parseEntries,
  parseState,
  toState,
} from './form.redis.js'
import { RedisHistory } from './history.redis.js'
import { RedisJournalIndex } from './index.redis.js'
import { KnownCommands } from './known-commands.js'
import { NewCommands } from './new-commands.redis.js'
import { pause, RedisRecentWrites } from './recent-writes.redis.js'
import { appendScript, createScript, headScript, readScript } from './scripts.redis.js'

/** Entries of one page, besides its bound in bytes. */
const PAGE_ENTRIES = 500
/** A new command that Redis sees later than this was refused to the one who asked for it, in ms. */
const CREATE_MS = 4500
/** A subscriber of what is written here hears of others' words only after so long: mostly it is over before, in ms. */
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

/**
 * The journal in Redis, shared by any number of controllers: what gets which place is decided there, in one step for
 * each batch. The index is written before what it points to.
 */
export class RedisJournal implements JournalStore {
  readonly #redis: RedisServer
  readonly #index: RedisJournalIndex
  readonly #history: RedisHistory
  readonly #options: RedisJournalOptions
  readonly #known = new KnownCommands()
  /** Appends without an answer, by command: the last of each. */
  readonly #pending = new Map<string, Promise<unknown>>()
  readonly #recent: RedisRecentWrites
  readonly #news: NewCommands
  readonly watchCreated: NewCommands['watch'] = (onCreated) => this.#news.watch(onCreated)

  constructor(redis: RedisServer, options: RedisJournalOptions) {
    this.#redis = redis
    this.#index = new RedisJournalIndex(redis)
    this.#history = new RedisHistory(redis, this.#index)
    this.#options = options
    this.#news = new NewCommands(redis, this.#index, options.log ?? quiet)
    this.#recent = new RedisRecentWrites({
      redis,
      log: options.log ?? quiet,
      index: (record) => this.#index.add(record),
      onRestored: (command_id, whole) => this.#restored(command_id, whole),
    })
  }

  async create(command: NewCommand): Promise<Created> {
    const { record } = command
    const { command_id } = record
    const deadline = this.#redis.now() + CREATE_MS
    const indexed = this.#index.add(record)
    indexed.catch(() => {})
    const args = createArgs(command, deadline)
    const said = String(await this.#redis.run(createScript, commandKeys(command_id), args))
    if (said === 'late') throw new OgentError('UNAVAILABLE', 'Redis is too slow now; nothing was started.')
    await indexed
    if (said === 'made') this.#news.tell(record)
    const made = newState(command)
    if (said === 'made') this.#recent.created(record, args)
    const state = said === 'made' ? this.#known.remember(made, made) : await this.state(command_id)
    // Pruned between two looks.
    if (!state) throw new OgentError('UNAVAILABLE', `Command ${command_id} was forgotten in this moment.`)
    if (state.result_seq !== undefined) this.#close(state)
    return { created: said === 'made', state, durable: Promise.resolve(), committed: Promise.resolve() }
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

  async state(command_id: string): Promise<CommandState | undefined> {
    const ask = () => this.#redis.run(headScript, commandKeys(command_id).slice(0, 1), [])
    // The script's own form: see there.
    const reply = await this.#whole(command_id, ask, (said) => (said as [unknown, Fields])[1])
    if (reply === null) {
      this.#known.forget(command_id)
      return undefined
    }
    const { base, fields } = parseState(reply)
    return this.#known.remember(base, toState(base, fields))
  }

  async order(command_id: string): Promise<ExecuteOrder | undefined> {
    const [head] = commandKeys(command_id)
    const ask = () => this.#redis.patiently(() => this.#redis.call('hget', head, 'order'))
    let order = await ask()
    if (order === null && this.#recent.isNew) {
      // Its command may be about to be given again.
      await this.#redis.patiently(() => this.state(command_id))
      order = await ask()
    }
    // Written by `create` alone.
    return order === null ? undefined : (JSON.parse(String(order)) as ExecuteOrder)
  }

  stillOpen(commands: { agent_id: string; command_id: string }[]): Promise<string[]> {
    return this.#index.stillOpen(commands)
  }

  recent(command_id: string): CommandState | undefined {
    return this.#known.get(command_id)?.state
  }

  async read(command_id: string, from_seq: number, maxBytes: number): Promise<Entry[]> {
    const args = [from_seq, Math.max(maxBytes, 1), PAGE_ENTRIES]
    // A subscriber waits while Redis is away: the command is not over.
    const keys = commandKeys(command_id)
    const look = () => this.#redis.patiently(() => this.#redis.run(readScript, keys, args))
    // The script's own form: see there.
    const reply = await this.#whole(command_id, look, (said) => (said as [Fields])[0])
    if (reply === null) {
      this.#known.forget(command_id)
      return []
    }
    // The script's own form: see there.
    const [fields, ...flat] = reply as [Fields, ...(number | Buffer)[]]
    const known = this.#known.get(command_id)
    if (known) this.#known.remember(known.base, toState(known.base, fields))
    return parseEntries(flat)
  }

  list(query: ListQuery): Promise<CommandPage> {
    return this.#history.list(query)
  }

  async *open(agent_id?: string): AsyncIterable<CommandState> {
    for (const named of await this.#index.open(agent_id)) {
      const state = await this.state(named.command_id)
      if (state && state.result_seq === undefined) yield state
      else if (state || this.#index.isLeftover({ time: await this.#index.timeOf(named) })) {
        await this.#index.removeOpen(named.name)
      }
    }
  }

  async openIds(): Promise<{ agent_id: string; command_id: string }[]> {
    return this.#index.open(undefined)
  }

  watch(command_id: string, onMore: () => void): () => void {
    const agent_id = this.#known.get(command_id)?.base.record.agent_id
    const here = agent_id !== undefined && (this.#options.isHere?.(agent_id) ?? false)
    return this.#redis.notifications.listen(commandChannel(command_id), onMore, here ? PATIENT_LISTEN_MS : 0)
  }

  prune(endedBefore: string): Promise<number> {
    return this.#history.prune(endedBefore, (command_id) => this.#known.forget(command_id))
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
   * again for a while: the writer may be about to write it again, and what was shown must not be taken back.
   */
  async #whole(
    command_id: string,
    ask: () => Promise<unknown>,
    fieldsOf: (reply: unknown) => Fields,
  ): Promise<unknown> {
    while (true) {
      const reply = await ask()
      if (!this.#recent.isNew) return reply
      const known = this.#known.get(command_id)?.state.last_seq ?? 0
      const seq = reply === null ? 0 : Number(fieldsOf(reply)[0])
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
    const [seqs, gap, fields] = reply as [number[], number, Fields]
    const entries: Entry[] = []
    for (const [at, seq] of seqs.entries()) {
      const event = placed[at]
      if (seq > 0 && event) entries.push({ seq, report: drafts[at]?.report, event })
    }
    if (entries.length > 0) this.#recent.appended(command_id, args, seqs, Number(fields[1]))
    // Redis has less than was known here: from now on that is what counts.
    if (gap === 1) this.#known.forget(command_id)
    const state = await this.#stateAfter(command_id, fields)
    if (!state) return undefined
    if (entries.length > 0 && state.result_seq !== undefined) this.#close(state)
    return { entries, state, committed: Promise.resolve() }
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
    if (!whole) this.#known.forget(command_id)
    const state = await this.#redis.patiently(() => this.state(command_id))
    if (!state) return
    if (state.result_seq === undefined) await this.#redis.patiently(() => this.#index.addOpen(state.record))
    else this.#close(state)
    if (!whole) this.#options.events?.publish({ type: 'agent_set_back', agent_id: state.record.agent_id })
  }

  /** What never changes of a command, where the drafts need it: a result repeats what was said of its command. */
  async #base(command_id: string, drafts: Draft[]): Promise<Base | 'unknown' | undefined> {
    const known = this.#known.get(command_id)?.base
    if (known || !drafts.some(({ event }) => event.type === 'command_result' || isBack(event))) return known
    const state = await this.#redis.patiently(() => this.state(command_id))
    return state ? this.#known.get(command_id)?.base : 'unknown'
  }

  async #stateAfter(command_id: string, fields: Fields): Promise<CommandState | undefined> {
    const known = this.#known.get(command_id)
    if (!known) return this.#redis.patiently(() => this.state(command_id))
    const state = toState(known.base, fields)
    // Answers come in the order of the questions, but not where one was asked twice.
    return state.last_seq >= known.state.last_seq ? this.#known.remember(known.base, state) : known.state
  }

  /** In the background: a reader corrects an index that still names an ended command. */
  #close({ record }: CommandState): void {
    this.#index.removeOpen(openName(record)).catch(() => {})
  }
}

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} }
