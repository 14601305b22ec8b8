import { createHash } from 'node:crypto'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { Periodic } from '../../../shared/async/periodic.js'
import { sleep } from '../../../shared/async/sleep.js'
import { withTimeout } from '../../../shared/async/timeout.js'
import { messageOf, OgentError } from '../../../shared/errors.js'
import type { Log } from '../../telemetry/ports.js'
import { type RedisAddress, redisAddress } from './address.redis.js'
import { RedisNotifications } from './notifications.redis.js'

export type RedisValue = string | number | Buffer

/** Lua that runs in Redis as one step; all its keys are in one slot. */
export type RedisScript = { lua: string; sha: string }

export function redisScript(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/** How long a caller waits for a connection, and then for the answer, in ms. */
const CONNECT_WAIT_MS = 2000
const ANSWER_WAIT_MS = 5000
/** How long a start waits for Redis, in ms. */
const START_WAIT_MS = 15_000
/** A connection with questions on it and not a byte of an answer for so long is dead, in ms. */
const SILENCE_MS = 12_000
/** How often the clock of Redis is read, in ms. */
const CLOCK_MS = 30_000
const RETRY_MS = 300
const LONGEST_RETRY_MS = 1000

/** What Redis says while it cannot do now what it may do later. */
const PASSING =
  /^(OOM|LOADING|READONLY|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|NOREPLICAS|MISCONF|BUSY|UNKILLABLE|MOVED|ASK)\b/

const opened = new Set<RedisServer>()

/**
 * Recovers from an uncaught error of the library's parser, such as that of a reply to no request; false for any other
 * error. The connections are made anew, since replies on the old ones no longer match their requests.
 */
export function recoverFromReply(error: unknown): boolean {
  if (!(error instanceof Error) || !/[\\/](ioredis|redis-parser|@redis)[\\/]/.test(error.stack ?? ''))
    return false
  for (const server of opened) server.reconnect()
  return opened.size > 0
}

/**
 * The connections to Redis, two for each controller: one that asks and one that listens. Nothing is queued while
 * there is no connection and nothing is sent again behind the back of who asked: what was refused to a user must
 * not happen later.
 */
export class RedisServer {
  readonly notifications: RedisNotifications
  readonly #client: Redis | Cluster
  readonly #subscriber: Redis | Cluster
  readonly #log: Log
  readonly #shown: string
  readonly #clock: Periodic
  #trouble: string | undefined
  #clockOffset = 0
  #closed = false
  #answeredAt = 0
  #readyAt = Number.NEGATIVE_INFINITY

  private constructor(address: RedisAddress, log: Log) {
    this.#log = log
    this.#shown = address.shown
    this.#client = connect(address, {
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      // What is under way when the connection goes is answered at once.
      maxRetriesPerRequest: 0,
    })
    this.#subscriber = connect(address, {})
    this.notifications = new RedisNotifications(this.#subscriber, log)
    for (const client of [this.#client, this.#subscriber]) {
      client.on('error', (error) => {
        this.#setTrouble(messageOf(error))
        if (messageOf(error).startsWith('Command queue state error')) client.disconnect(true)
      })
    }
    // Keeps the reason, where one was told.
    this.#client.on('close', () => this.#setTrouble(this.#trouble ?? 'the connection is closed'))
    this.#client.on('ready', () => {
      this.#readyAt = performance.now()
      if (this.#trouble !== undefined) log.info({ redis: this.#shown }, 'connected to Redis')
      this.#trouble = undefined
      void this.#readClock()
    })
    opened.add(this)
    this.#clock = new Periodic({ everyMs: CLOCK_MS, act: () => this.#readClock(), onError() {} })
  }

  /** For a library that sends commands by itself. They fail with its errors, and at once where there is no connection. */
  get client(): Redis | Cluster {
    return this.#client
  }

  /** Milliseconds since 1970 by the clock of Redis, the one that all controllers share. */
  now(): number {
    return performance.now() + this.#clockOffset
  }

  /** Rejects with a sentence when there is no Redis, or not one that will do. */
  static async open(url: string, log: Log, { startWaitMs = START_WAIT_MS } = {}): Promise<RedisServer> {
    const server = new RedisServer(redisAddress(url), log)
    try {
      await server.#ready(startWaitMs)
      await server.#readClock()
      await server.#checkServer()
    } catch (error) {
      await server.close()
      throw error
    }
    return server
  }

  /** When Redis answered last, and when there was a connection again, by the clock that only counts. */
  get answeredAt(): number {
    return this.#answeredAt
  }

  get readyAt(): number {
    return this.#readyAt
  }

  /** Called each time there is a connection again. */
  onReady(listener: () => void): void {
    this.#client.on('ready', listener)
  }

  /** Called each time the connection is gone, before anything else is sent. */
  onLost(listener: () => void): void {
    this.#client.on('close', listener)
  }

  /** One command. Throws UNAVAILABLE when it was not answered in time or could not be done now. */
  async call(name: string, ...args: RedisValue[]): Promise<unknown> {
    if (this.#client.status !== 'ready') await this.#ready(CONNECT_WAIT_MS)
    return this.#answered(this.#client.callBuffer(name, ...args))
  }

  /** One script. Throws UNAVAILABLE as `call` does. */
  async run(script: RedisScript, keys: string[], args: RedisValue[]): Promise<unknown> {
    if (this.#client.status !== 'ready') await this.#ready(CONNECT_WAIT_MS)
    return this.#answered(this.#evaluate(script, keys, args))
  }

  /**
   * Tries until it is done, however long that takes: for what must not be lost, and may be done twice. Rejects when
   * this is closed, and with what is no passing trouble.
   */
  async patiently<T>(act: () => Promise<T>): Promise<T> {
    let wait = RETRY_MS
    while (true) {
      try {
        return await act()
      } catch (error) {
        if (this.#closed || !(error instanceof OgentError) || error.code !== 'UNAVAILABLE') throw error
        await sleep(wait)
        wait = Math.min(wait * 1.5, LONGEST_RETRY_MS)
        if (this.#closed) throw error
      }
    }
  }

  /** Drops the connections and makes new ones. */
  reconnect(): void {
    for (const client of [this.#client, this.#subscriber]) client.disconnect(true)
  }

  async close(): Promise<void> {
    this.#closed = true
    opened.delete(this)
    this.#clock.close()
    this.notifications.close()
    for (const client of [this.#client, this.#subscriber]) {
      client.removeAllListeners('end')
      client.on('error', () => {})
      client.disconnect()
    }
  }

  #evaluate({ lua, sha }: RedisScript, keys: string[], args: RedisValue[]): Promise<unknown> {
    // A name that no command of Redis has. The library sends the text where a connection has not had it yet.
    const name = `ogent${sha}`
    if (!(name in this.#client)) this.#client.defineCommand(name, { lua })
    // Made by `defineCommand`, so that no type knows it; this one gives bytes.
    const run = Reflect.get(this.#client, `${name}Buffer`) as (...given: unknown[]) => Promise<unknown>
    return run.call(this.#client, keys.length, ...keys, ...args)
  }

  /** The answer, or UNAVAILABLE: no caller waits for longer than a few seconds. */
  async #answered(answer: Promise<unknown>): Promise<unknown> {
    const late = () => {
      throw this.#unavailable('it does not answer')
    }
    try {
      const said = await withTimeout(answer, ANSWER_WAIT_MS, late)
      this.#answeredAt = performance.now()
      return said
    } catch (error) {
      throw this.#known(error)
    }
  }

  async #readClock(): Promise<void> {
    const asked = performance.now()
    try {
      const [seconds, micros] = (await this.#client.time()) as (number | string)[]
      const answered = performance.now()
      this.#clockOffset = Number(seconds) * 1000 + Number(micros) / 1000 - (asked + answered) / 2
    } catch (error) {
      this.#log.debug({ err: error }, 'the clock of Redis was not read')
    }
  }

  async #ready(ms: number): Promise<void> {
    const deadline = performance.now() + ms
    while (this.#client.status !== 'ready') {
      // A wrong password does not become right.
      if (
        this.#closed ||
        /^(WRONGPASS|NOAUTH|NOPERM)/.test(this.#trouble ?? '') ||
        performance.now() > deadline
      ) {
        throw this.#unavailable(this.#trouble ?? 'there is no connection')
      }
      await sleep(20)
    }
  }

  #known(error: unknown): unknown {
    if (error instanceof OgentError) return error
    const said = messageOf(error)
    if (said.startsWith('OOM')) {
      return this.#unavailable('it is full: its memory limit (maxmemory) is reached', error)
    }
    const isReply = error instanceof Error && error.name === 'ReplyError'
    if (isReply) return PASSING.test(said) ? this.#unavailable(said, error) : error
    return this.#unavailable(this.#trouble ?? 'the connection was lost', error)
  }

  #unavailable(why: string, cause?: unknown): OgentError {
    const sentence = `Redis cannot be used now: ${why.replace(/\.$/, '')}. Commands that run go on; try again soon.`
    return new OgentError('UNAVAILABLE', sentence, cause === undefined ? {} : { cause })
  }

  #setTrouble(sentence: string): void {
    if (this.#closed || sentence === '') return
    if (this.#trouble === undefined) {
      this.#log.error({ redis: this.#shown, cause: sentence }, 'Redis cannot be reached')
    }
    this.#trouble = sentence
  }

  /** Refuses a server that is too old; logs one that evicts keys, since it would forget commands. */
  async #checkServer(): Promise<void> {
    let text: string
    try {
      text = String(await this.call('info'))
    } catch (error) {
      if (error instanceof OgentError) throw error
      // Not every account may ask for it.
      return
    }
    const [, major = '0', minor = '0'] = text.match(/redis_version:(\d+)\.(\d+)/) ?? []
    if (Number(major) < 6 || (Number(major) === 6 && Number(minor) < 2)) {
      throw new Error(`Redis ${major}.${minor} is too old: Ogent takes Redis 6.2 or later, or Valkey.`)
    }
    const policy = text.match(/maxmemory_policy:(\S+)/)?.[1]
    if (policy !== undefined && policy !== 'noeviction') {
      const advice = 'Redis may forget commands when its memory is full: set maxmemory-policy to noeviction'
      this.#log.warn({ policy }, advice)
    }
  }
}

function connect(address: RedisAddress, more: RedisOptions): Redis | Cluster {
  const common: RedisOptions = {
    // Replies alike on every server.
    protocol: 2,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(times * 50, LONGEST_RETRY_MS),
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    socketTimeout: SILENCE_MS,
    connectTimeout: 5000,
    keepAlive: 5000,
    ...more,
  }
  if (address.kind !== 'cluster') return new Redis({ ...address.options, ...common })
  const { retryStrategy: _retry, ...nodeOptions } = common
  return new Cluster(address.nodes, {
    clusterRetryStrategy: (times) => Math.min(times * 50, LONGEST_RETRY_MS),
    enableOfflineQueue: more.enableOfflineQueue ?? true,
    redisOptions: { ...address.options.redisOptions, ...nodeOptions },
  })
}
