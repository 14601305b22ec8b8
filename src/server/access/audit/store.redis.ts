import type { Pruned } from '../../../audit/checkpoints.js'
import {
  type AuditCheckpoint,
  type AuditRecord,
  auditCheckpointSchema,
} from '../../../shared/access/audit.js'
import { sleep } from '../../../shared/async/sleep.js'
import { resolvesWithin } from '../../../shared/async/timeout.js'
import { messageOf } from '../../../shared/errors.js'
import { auditKeys } from '../../storage/redis/keys.js'
import { texts } from '../../storage/redis/replies.js'
import { type RedisServer, redisScript } from '../../storage/redis/server.redis.js'
import { UNSYNCED_MS } from '../../storage/redis/unsynced.js'
import type { Log } from '../../telemetry/ports.js'
import { ChainReader, idOf, newestOf, PAGE, placeAfter, recordOf } from './chains.redis.js'
import type { AuditEntry, AuditStore, Head, Place } from './ports.js'

/** Entries that one script writes. */
const BATCH = 200
const RETRY_MS = 300

/**
 * KEYS records, checkpoints, chains. ARGV chain, then for each entry: `r` or `c`, the id in its stream, the JSON. An entry that
 * is there already is passed over, so that a batch may be written twice.
 */
const appendScript = redisScript(`
for at = 2, #ARGV, 3 do
  local records = ARGV[at] == 'r'
  local reply = redis.pcall('XADD', records and KEYS[1] or KEYS[2], ARGV[at + 1], 'j', ARGV[at + 2])
  if type(reply) == 'table' and reply.err and not string.find(reply.err, 'equal or smaller') then return reply end
  if records then redis.call('ZADD', KEYS[3], 'GT', string.match(ARGV[at + 1], '^%d+'), ARGV[1]) end
end
return 1
`)

/** KEYS records, checkpoints, chains. ARGV chain, the first id that stays in each stream. What is empty then is gone. */
const removeScript = redisScript(`
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('ZREM', KEYS[3], ARGV[1])
end
return 1
`)

type Pending = { kind: 'r' | 'c'; id: string; json: string; at: number; written: () => void }

export type RedisAuditOptions = {
  redis: RedisServer
  /** This controller since its start: the name of its chain, of which it is the only writer. */
  member: string
  log: Log
}

/**
 * The audit in Redis: a chain for each start of a controller, each a stream whose ids are times and numbers, so that those of all
 * chains are in one order. Entries are written in batches, one after the other; what Redis has lost of the last seconds, when it
 * comes back, is written again before anything newer.
 */
export class RedisAuditStore implements AuditStore {
  readonly separate = true
  readonly #redis: RedisServer
  readonly #chain: string
  readonly #log: Log
  /** To be written, the oldest first. */
  #queue: Pending[] = []
  /** Written in the last seconds. */
  #recent: Pending[] = []
  #writing: Promise<void> | undefined
  #trouble: string | undefined
  #closed = false

  constructor({ redis, member, log }: RedisAuditOptions) {
    this.#redis = redis
    this.#chain = member
    this.#log = log
    redis.onReady(() => {
      this.#queue = [...this.#recent.splice(0), ...this.#queue]
      if (this.#queue.length > 0) this.#write()
    })
  }

  get trouble(): string | undefined {
    return this.#trouble
  }

  async head(): Promise<Head> {
    return { chain: this.#chain, record: undefined, oldest: 1, checkpoint: undefined }
  }

  async otherHeads(): Promise<AuditCheckpoint[]> {
    const heads: AuditCheckpoint[] = []
    for (const { chain } of await this.#chains()) {
      const [newest] = await this.#page(auditKeys.checkpoints(chain), '+', 1)
      if (newest !== undefined) heads.push(auditCheckpointSchema.parse(JSON.parse(newest)))
    }
    return heads
  }

  append(entry: AuditEntry): Promise<void> {
    return new Promise((resolve) => {
      const kind = 'record' in entry ? 'r' : 'c'
      const what = 'record' in entry ? entry.record : entry.checkpoint
      this.#queue.push({ kind, id: idOf(what), json: JSON.stringify(what), at: 0, written: resolve })
      this.#write()
    })
  }

  async settled(ms: number): Promise<void> {
    if (this.#writing) await resolvesWithin(this.#writing, ms)
  }

  async *newestFirst(before?: Place): AsyncIterable<AuditRecord> {
    await this.settled(RETRY_MS)
    const end = before ? placeAfter(before) : '+'
    // The chains that end last come first: one is read as soon as it may have the next record.
    const unread = (await this.#chains()).reverse()
    const open: ChainReader[] = []
    while (true) {
      const next = newestOf(open)
      const chain = unread[0]
      if (chain && (next === undefined || chain.last >= Date.parse(next.record.timestamp))) {
        unread.shift()
        const reader = new ChainReader(
          (from) => this.#page(auditKeys.records(chain.chain), from, PAGE),
          end,
          before,
        )
        if (await reader.advance()) open.push(reader)
        continue
      }
      if (next === undefined) return
      yield next.record
      if (!(await next.reader.advance())) open.splice(open.indexOf(next.reader), 1)
    }
  }

  async *oldestFirst(): AsyncIterable<AuditRecord> {
    for (const { chain } of await this.#chains()) {
      let from = '-'
      while (true) {
        const rows = await this.#rows('xrange', [auditKeys.records(chain), from, '+', 'count', PAGE])
        for (const json of rows) yield recordOf(json)
        const last = rows.at(-1)
        if (last === undefined || rows.length < PAGE) break
        from = `(${idOf(recordOf(last))}`
      }
    }
  }

  async *checkpoints(): AsyncIterable<AuditCheckpoint> {
    await this.settled(RETRY_MS)
    for (const { chain } of (await this.#chains()).reverse()) {
      for (const json of await this.#rows('xrevrange', [auditKeys.checkpoints(chain), '+', '-'])) {
        yield auditCheckpointSchema.parse(JSON.parse(json))
      }
    }
  }

  async prunable(before: string): Promise<Pruned[]> {
    const all: Pruned[] = []
    for (const { chain } of await this.#chains()) {
      const [last] = await this.#page(auditKeys.records(chain), `(${Date.parse(before)}-0`, 1)
      if (last === undefined) continue
      const { seq, hash } = recordOf(last)
      if (chain !== this.#chain || !(await this.#isNewest(chain, seq)))
        all.push({ chain, through_seq: seq, hash })
    }
    return all
  }

  async remove({ chain, through_seq }: Pruned): Promise<void> {
    for (const json of await this.#rows('xrange', [auditKeys.records(chain), '-', '+', 'count', 1])) {
      const first = recordOf(json)
      if (first.seq > through_seq) return
    }
    const stays = await this.#firstAfter(chain, through_seq)
    await this.#redis.run(removeScript, keysOf(chain), [chain, stays])
  }

  close(): void {
    this.#closed = true
  }

  /** The id of the first record behind that number, and where there is none, one behind all. */
  async #firstAfter(chain: string, seq: number): Promise<string> {
    let from = '-'
    while (true) {
      const rows = (await this.#rows('xrange', [auditKeys.records(chain), from, '+', 'count', PAGE])).map(
        recordOf,
      )
      const found = rows.find((record) => record.seq > seq)
      if (found) return idOf(found)
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) return '18446744073709551615-0'
      from = `(${idOf(last)}`
    }
  }

  async #isNewest(chain: string, seq: number): Promise<boolean> {
    const [newest] = await this.#page(auditKeys.records(chain), '+', 1)
    return newest !== undefined && recordOf(newest).seq === seq
  }

  /** The chains, that with the oldest newest record first. */
  async #chains(): Promise<{ chain: string; last: number }[]> {
    const found = texts(await this.#redis.call('zrange', auditKeys.chains, 0, -1, 'withscores'))
    const chains: { chain: string; last: number }[] = []
    for (let at = 0; at + 1 < found.length; at += 2)
      chains.push({ chain: found[at] ?? '', last: Number(found[at + 1]) })
    return chains
  }

  #page(key: string, from: string, count: number): Promise<string[]> {
    return this.#rows('xrevrange', [key, from, '-', 'count', count])
  }

  async #rows(command: 'xrange' | 'xrevrange', args: (string | number)[]): Promise<string[]> {
    const reply = await this.#redis.call(command, ...args)
    // Each an id and its fields, of which there is one.
    return Array.isArray(reply) ? reply.map((row) => String(row?.[1]?.[1])) : []
  }

  #write(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH)
      const args = batch.flatMap(({ kind, id, json }) => [kind, id, json])
      try {
        await this.#redis.run(appendScript, keysOf(this.#chain), [this.#chain, ...args])
      } catch (error) {
        if (this.#closed) return
        this.#setTrouble(messageOf(error))
        await sleep(RETRY_MS)
        if (this.#closed) return
        continue
      }
      this.#written(batch)
    }
  }

  #written(batch: Pending[]): void {
    if (this.#trouble !== undefined) this.#log.info({}, 'the audit can be written again')
    this.#trouble = undefined
    // Redis may have come back meanwhile, and what is to be written again is before these.
    const done = new Set(batch)
    this.#queue = this.#queue.filter((pending) => !done.has(pending))
    const now = performance.now()
    this.#recent = this.#recent.filter(({ at }) => at > now - UNSYNCED_MS)
    for (const pending of batch) {
      pending.at = now
      this.#recent.push(pending)
      pending.written()
    }
  }

  #setTrouble(sentence: string): void {
    if (this.#trouble !== sentence) this.#log.error({ cause: sentence }, 'the audit cannot be written')
    this.#trouble = sentence
  }
}

function keysOf(chain: string): string[] {
  return [auditKeys.records(chain), auditKeys.checkpoints(chain), auditKeys.chains]
}
