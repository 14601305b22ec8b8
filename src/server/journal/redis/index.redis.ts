import type { CommandRecord } from '../../../shared/commands/record.js'
import { indexKeys } from '../../storage/redis/keys.js'
import { texts } from '../../storage/redis/replies.js'
import type { RedisServer } from '../../storage/redis/server.redis.js'
import { openName, timedName, timedPairs } from './form.redis.js'
import { indexScript } from './scripts.redis.js'

/** An entry by itself is a leftover after so long, in ms: it is written before its command. */
const LEFTOVER_MS = 60_000
/** Names in one question. */
const ASKED_AT_ONCE = 1000

/** A command by its place in time; `time` in ms. */
export type Timed = { id: string; agent_id: string; time: number }
/** Which commands are looked for, by their places in time: those behind one, those made since a time, and until one. */
export type TimeRange = {
  behind?: Pick<Timed, 'time' | 'id'> | undefined
  since?: number | undefined
  until?: number | undefined
}
/** A command that may be open, and its name in the index. */
export type MaybeOpen = { agent_id: string; command_id: string; name: string }

/**
 * What finds commands in Redis: all by time, those of an agent by time, and the open ones by agent. It is in another
 * slot of a cluster than the commands, so it may name what is not there yet, or no longer: the controller
 * that comes across such a name removes it.
 */
export class RedisJournalIndex {
  readonly #redis: RedisServer

  constructor(redis: RedisServer) {
    this.#redis = redis
  }

  /** Names a command that is about to be made, everywhere. */
  async add(record: CommandRecord): Promise<void> {
    const { command_id, agent_id, created_at } = record
    const keys = [indexKeys.byTime, indexKeys.byAgent(agent_id), indexKeys.open]
    const names = [timedName(command_id, agent_id), openName(record)]
    await this.#redis.run(indexScript, keys, [Date.parse(created_at), ...names])
  }

  async addOpen(record: CommandRecord): Promise<void> {
    await this.#redis.call('zadd', indexKeys.open, 0, openName(record))
  }

  async removeOpen(name: string): Promise<void> {
    await this.#redis.call('zrem', indexKeys.open, name)
  }

  async remove({ id, agent_id }: Timed): Promise<void> {
    const name = timedName(id, agent_id)
    await this.#redis.call('zrem', indexKeys.byAgent(agent_id), name)
    await this.removeOpen(`${agent_id} ${id}`)
    // Last: a removal that was cut off is found again by it.
    await this.#redis.call('zrem', indexKeys.byTime, name)
  }

  /** Of all agents, or of one. */
  async open(agent_id: string | undefined): Promise<MaybeOpen[]> {
    const [from, to] = agent_id === undefined ? ['-', '+'] : [`[${agent_id} `, `(${agent_id}!`]
    const reply = await this.#redis.call('zrangebylex', indexKeys.open, from, to)
    return texts(reply).map((name) => {
      const [agent = '', command_id = ''] = name.split(' ')
      return { agent_id: agent, command_id, name }
    })
  }

  /** Those of these commands that are among the open ones. */
  async stillOpen(commands: { agent_id: string; command_id: string }[]): Promise<string[]> {
    const open: string[] = []
    for (let at = 0; at < commands.length; at += ASKED_AT_ONCE) {
      const asked = commands.slice(at, at + ASKED_AT_ONCE)
      const scores = await this.#redis.call('zmscore', indexKeys.open, ...asked.map(openName))
      if (!Array.isArray(scores)) continue
      open.push(...asked.filter((_, place) => scores[place] !== null).map(({ command_id }) => command_id))
    }
    return open
  }

  /** Whether a name without a command may go: one that is being made is here a moment before it is there. */
  isLeftover({ time }: Pick<Timed, 'time'>): boolean {
    return time < Date.now() - LEFTOVER_MS
  }

  /** When a command was made, in ms; -Infinity for one that the index does not know. */
  async timeOf({ command_id, agent_id }: MaybeOpen): Promise<number> {
    const time = await this.#redis.call('zscore', indexKeys.byTime, timedName(command_id, agent_id))
    return time === null ? Number.NEGATIVE_INFINITY : Number(String(time))
  }

  /** The oldest made before this time, without the first so many. */
  async oldest(before: number, skip: number, count: number): Promise<Timed[]> {
    const until = `(${before}`
    const page = ['WITHSCORES', 'LIMIT', skip, count] as const
    return timedPairs(await this.#redis.call('zrangebyscore', indexKeys.byTime, '-inf', until, ...page))
  }

  /**
   * Of all agents or of one, within a range, in pages. It goes on behind the last that it gave, so that
   * none comes twice because others were made meanwhile.
   */
  async *newestFirst(
    agent_id: string | undefined,
    { behind, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }: TimeRange,
    step: number,
  ): AsyncGenerator<Timed[], void> {
    const key = agent_id === undefined ? indexKeys.byTime : indexKeys.byAgent(agent_id)
    let last = behind
    let skip = 0
    while (true) {
      const page = ['WITHSCORES', 'LIMIT', skip, step] as const
      const max = last && last.time < until ? last.time : `(${scoreOf(until)}`
      const rows = timedPairs(await this.#redis.call('zrevrangebyscore', key, max, scoreOf(since), ...page))
      const fresh = rows.filter((row) => !last || isBehind(row, last))
      if (fresh.length > 0) yield fresh
      if (rows.length < step) return
      // A page full of what was made in one and the same moment may have nothing that is new.
      skip = fresh.length > 0 ? 0 : skip + step
      last = fresh.at(-1) ?? last
    }
  }
}

/** A number as Redis reads the end of a range. */
function scoreOf(time: number): string | number {
  if (Number.isFinite(time)) return time
  return time < 0 ? '-inf' : '+inf'
}

function isBehind(row: Timed, last: Pick<Timed, 'time' | 'id'>): boolean {
  return row.time < last.time || (row.time === last.time && row.id < last.id)
}
