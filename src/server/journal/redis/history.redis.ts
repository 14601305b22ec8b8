import {
  type CommandPage,
  type CommandRecord,
  isEndedBefore,
  listedRecord,
} from '../../../shared/commands/record.js'
import { commandKeys } from '../../storage/redis/keys.js'
import type { RedisServer } from '../../storage/redis/server.redis.js'
import { asksForOpen, cursorOf, type ListQuery, pageAmong, parseCursor, recordTest } from '../page.js'
import { foldFacts } from './form.redis.js'
import type { RedisJournalIndex, Timed } from './index.redis.js'

/** Commands looked at in one go by a listing or a search for old ones. */
const SCAN_STEP = 200
/** Commands that are read for one page of a search; a page may end early, with a cursor to continue. */
const SCAN_LIMIT = 5000
/** How long a search may take for one page, in ms: commands with a long text take longer. */
const SCAN_MS = 2000

type Row = Timed & { record: CommandRecord | undefined }

/** The commands of the past in Redis: their list, and the removal of old ones. */
export class RedisHistory {
  readonly #redis: RedisServer
  readonly #index: RedisJournalIndex

  constructor(redis: RedisServer, index: RedisJournalIndex) {
    this.#redis = redis
    this.#index = index
  }

  /** Newest first. */
  async list(query: ListQuery): Promise<CommandPage> {
    if (asksForOpen(query)) return pageAmong(await this.#openRecords(query), query)
    const isAskedFor = recordTest(query)
    const page: CommandRecord[] = []
    const latest = performance.now() + SCAN_MS
    let looked = 0
    for await (const { time, id, record } of this.#newestFirst(query)) {
      looked += 1
      if (record && isAskedFor(record)) page.push(listedRecord(record))
      if (page.length >= query.limit || looked >= SCAN_LIMIT || performance.now() > latest) {
        return { commands: page, next_cursor: cursorOf(new Date(time).toISOString(), id) }
      }
    }
    return { commands: page, next_cursor: null }
  }

  /** Removes commands that ended before this time (RFC 3339), each told to `onRemove` before; gives how many. */
  async prune(endedBefore: string, onRemove: (command_id: string) => void): Promise<number> {
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
        onRemove(row.id)
        await this.#redis.call('unlink', ...commandKeys(row.id))
        await this.#index.remove(row)
        if (record) pruned += 1
      }
      if (found.length < SCAN_STEP) return pruned
    }
  }

  async #openRecords({ agent_id, agents }: ListQuery): Promise<CommandRecord[]> {
    const open = await this.#index.open(agent_id)
    // When they were made is in their records.
    const rows = open.map(({ command_id, agent_id: agent }) => ({ id: command_id, agent_id: agent, time: 0 }))
    const records: CommandRecord[] = []
    for (let at = 0; at < rows.length; at += SCAN_STEP) {
      const step = await this.#records(rows.slice(at, at + SCAN_STEP), agents)
      records.push(...step.flatMap(({ record }) => record ?? []))
    }
    return records
  }

  async *#newestFirst({ cursor, limit, ...query }: ListQuery): AsyncGenerator<Row> {
    const { agent_id, agents, since, until } = query
    const given = cursor === undefined ? undefined : parseCursor(cursor)
    const range = {
      behind: given && { time: Date.parse(given.time), id: given.id },
      since: since === undefined ? undefined : Date.parse(since),
      until: until === undefined ? undefined : Date.parse(until),
    }
    const step = Math.min(limit + 1, SCAN_STEP)
    for await (const rows of this.#index.newestFirst(agent_id, range, step)) {
      yield* await this.#records(rows, agents)
    }
  }

  /** With their records, where they are of these agents. */
  async #records(rows: Timed[], agents?: ListQuery['agents']): Promise<Row[]> {
    return Promise.all(
      rows.map(async (row) => {
        if (agents?.has(row.agent_id) === false) return { ...row, record: undefined }
        const [head] = commandKeys(row.id)
        const reply = await this.#redis.call('hmget', head, 'record', 'facts')
        const [record, facts] = Array.isArray(reply) ? reply : []
        // Written by the journal's `create` alone.
        const made = record ? (JSON.parse(String(record)) as CommandRecord) : undefined
        return { ...row, record: made && foldFacts(made, facts) }
      }),
    )
  }
}
