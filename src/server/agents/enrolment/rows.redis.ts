import { Periodic } from '../../../shared/async/periodic.js'
import { enrolmentChannel, enrolmentKeys } from '../../storage/redis/keys.js'
import { texts } from '../../storage/redis/replies.js'
import { type RedisServer, type RedisValue, redisScript } from '../../storage/redis/server.redis.js'
import type { Log } from '../../telemetry/ports.js'
import type { EnrolmentRows, RowChange, Table } from './rows.js'

type Listener = Parameters<EnrolmentRows['onChange']>[0]

/** How often it is looked whether a change was not heard of, in ms. */
const CHECK_MS = 5000

/** KEYS one for each change, then version. ARGV channel, then five for each change: name, key, has from, from, to or ''. */
const swapScript = redisScript(`
local n = #KEYS - 1
for i = 1, n do
  local at = 5 * (i - 1) + 2
  local row = redis.call('HGET', KEYS[i], ARGV[at + 1])
  if ARGV[at + 2] == '1' then
    if row ~= ARGV[at + 3] then return 0 end
  elseif row then return 0 end
end
for i = 1, n do
  local at = 5 * (i - 1) + 2
  if ARGV[at + 4] == '' then redis.call('HDEL', KEYS[i], ARGV[at + 1])
  else redis.call('HSET', KEYS[i], ARGV[at + 1], ARGV[at + 4]) end
  local version = redis.call('INCR', KEYS[n + 1])
  redis.call('PUBLISH', ARGV[1], version .. ' ' .. ARGV[at] .. ' ' .. ARGV[at + 1])
end
return 1
`)

/** By a script: of HGETALL itself the library makes an object. KEYS table. */
const allScript = redisScript(`return redis.call('HGETALL', KEYS[1])`)

/** The rows of all controllers, in one slot of Redis. */
export class RedisEnrolmentRows implements EnrolmentRows {
  readonly #redis: RedisServer
  readonly #log: Log
  readonly #checks: Periodic
  readonly #listeners = new Set<Listener>()
  readonly #unlisten: () => void
  /** The change that was heard of last. */
  #version = -1

  constructor(redis: RedisServer, log: Log) {
    this.#redis = redis
    this.#log = log
    this.#unlisten = redis.notifications.listen(enrolmentChannel, (text) => this.#hear(text))
    this.#checks = new Periodic({
      everyMs: CHECK_MS,
      act: () => this.#catchUp(),
      onError: (error) => log.debug({ err: error }, 'changes of enrolment were not looked up'),
    })
  }

  async all(table: Table): Promise<Map<string, string>> {
    const found = texts(await this.#redis.run(allScript, [enrolmentKeys[table]], []))
    const rows = new Map<string, string>()
    for (let at = 0; at + 1 < found.length; at += 2) rows.set(found[at] ?? '', found[at + 1] ?? '')
    return rows
  }

  async get(table: Table, key: string): Promise<string | undefined> {
    const row = await this.#redis.call('hget', enrolmentKeys[table], key)
    return row === null ? undefined : String(row)
  }

  async swap(changes: RowChange[], onWritten: () => void = () => {}): Promise<boolean> {
    const keys = [...changes.map(({ table }) => enrolmentKeys[table]), enrolmentKeys.version]
    const args = changes.flatMap(({ table, key, from, to }): RedisValue[] => [
      table,
      key,
      from === undefined ? '0' : '1',
      from ?? '',
      to ?? '',
    ])
    const written = (await this.#redis.run(swapScript, keys, [enrolmentChannel, ...args])) === 1
    if (written) onWritten()
    return written
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async spend(nonce: string, expiresAt: number): Promise<boolean> {
    const ms = Math.max(Math.ceil(expiresAt - this.#redis.now()), 1)
    const said = await this.#redis.call('set', enrolmentKeys.nonce(nonce), '1', 'PX', ms, 'NX')
    return said !== null
  }

  close(): void {
    this.#checks.close()
    this.#unlisten()
    this.#listeners.clear()
  }

  #hear(text: string): void {
    const [version, table, ...rest] = text.split(' ')
    const name = tables.find((each) => each === table)
    if (name === undefined || Number(version) !== this.#version + 1) {
      this.#catchUp().catch((error) => {
        this.#log.debug({ err: error }, 'changes of enrolment were not looked up')
      })
      return
    }
    this.#version = Number(version)
    this.#tell({ table: name, key: rest.join(' ') })
  }

  /** Some changes were not heard of, or may have been: all is to be read anew. */
  async #catchUp(): Promise<void> {
    const version = Number(String((await this.#redis.call('get', enrolmentKeys.version)) ?? 0))
    if (version === this.#version) return
    this.#version = version
    this.#tell(undefined)
  }

  #tell(changed: Parameters<Listener>[0]): void {
    for (const listener of this.#listeners) listener(changed)
  }
}

const tables: readonly Table[] = ['tokens', 'identities', 'labels']
