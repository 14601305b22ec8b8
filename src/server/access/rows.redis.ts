import { messageOf } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import { type RedisServer, redisScript } from '../storage/redis/server.redis.js'
import type { Log } from '../telemetry/ports.js'
import type { RowChange, SharedRows } from './ports.js'

/** Every so many readings are whole, for what controllers of before write, who do not say that they do. */
const WHOLE_EVERY = 6

/** KEYS: rows, version. ARGV: the version that is known. */
const readScript = redisScript(`
local version = redis.call('get', KEYS[2]) or ''
if ARGV[1] ~= '*' and version == ARGV[1] then return {version} end
return {version, redis.call('hgetall', KEYS[1])}
`)

/** KEYS: rows, version. ARGV: the version that is known, the next one, then for each row its key, what it is and is to be. */
const writeScript = redisScript(`
if (redis.call('get', KEYS[2]) or '') ~= ARGV[1] then return 0 end
for at = 3, #ARGV, 3 do
  if (redis.call('hget', KEYS[1], ARGV[at]) or '') ~= ARGV[at + 1] then return 0 end
end
for at = 3, #ARGV, 3 do
  if ARGV[at + 2] == '' then redis.call('hdel', KEYS[1], ARGV[at])
  else redis.call('hset', KEYS[1], ARGV[at], ARGV[at + 2]) end
end
redis.call('set', KEYS[2], ARGV[2])
return 1
`)

export type RedisRowsOptions<Row> = {
  redis: RedisServer
  /** Of the rows and of their version, in one slot, and the channel that says that there is another version. */
  keys: [rows: string, version: string]
  channel: string
  parse(row: unknown): Row
  format?(row: Row): unknown
  log: Log
}

/** Rows in a hash, as JSON, that all controllers share. */
export class RedisRows<Row> implements SharedRows<Row> {
  readonly #options: RedisRowsOptions<Row>
  /** The rows as they were read last. */
  #texts = new Map<string, string>()
  #readings = 0

  constructor(options: RedisRowsOptions<Row>) {
    this.#options = options
  }

  async read(version: string | undefined) {
    const { redis, keys } = this.#options
    this.#readings += 1
    const whole = version === undefined || this.#readings % WHOLE_EVERY === 0
    const reply = await redis.run(readScript, keys, [whole ? '*' : version])
    const [now, flat] = Array.isArray(reply) ? reply : []
    if (!Array.isArray(flat)) return undefined
    const texts = new Map<string, string>()
    for (let at = 0; at + 1 < flat.length; at += 2) texts.set(String(flat[at]), String(flat[at + 1]))
    const isSame = String(now) === version && isEqual(texts, this.#texts)
    this.#texts = texts
    return isSame ? undefined : { version: String(now), rows: this.#parse(texts) }
  }

  async write({ put = [], remove = [] }: RowChange<Row>, version: string): Promise<boolean> {
    const { redis, keys, channel, format = (row) => row } = this.#options
    const next = newId()
    const rows = [
      ...remove.map((key) => [key, '']),
      ...put.map(([key, row]) => [key, JSON.stringify(format(row))]),
    ].flatMap(([key = '', text = '']) => [key, this.#texts.get(key) ?? '', text])
    const done = (await redis.run(writeScript, keys, [version, next, ...rows])) === 1
    // A row that has changed without a version: the next reading is whole.
    if (!done) this.#readings = -1
    else redis.call('publish', channel, next).catch(() => {})
    return done
  }

  listen(onChange: () => void): () => void {
    const { redis, channel } = this.#options
    return redis.notifications.listen(channel, onChange)
  }

  /** One that cannot be read is no row: the others count. */
  #parse(texts: Map<string, string>): ReadonlyMap<string, Row> {
    const { parse, log, keys } = this.#options
    const rows = new Map<string, Row>()
    for (const [key, text] of texts) {
      try {
        rows.set(key, parse(JSON.parse(text)))
      } catch (error) {
        log.warn({ in: keys[0], row: key, cause: messageOf(error) }, 'a row in Redis was not read')
      }
    }
    return rows
  }
}

function isEqual(a: Map<string, string>, b: Map<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, text]) => b.get(key) === text)
}
