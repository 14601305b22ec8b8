import type { Cluster, Redis } from 'ioredis'
import type { Log } from '../../telemetry/ports.js'

/** Every listener looks again so often, in ms: a lost message causes a delay, and no loss. */
const AGAIN_MS = 5000

/** Called with a word, or with '' when it is time to look again without one. */
type OnWord = (word: string) => void

/**
 * Words between controllers, by pub/sub on one connection. A word says only that it is worth looking; what is
 * true is read from keys. Each listener is called when the channel is open, each time the connection is back,
 * and every few seconds besides.
 */
export class RedisNotifications {
  readonly #client: Redis | Cluster
  readonly #log: Log
  readonly #channels = new Map<string, Set<OnWord>>()
  /** Those that are open. */
  readonly #open = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #closed = false

  constructor(client: Redis | Cluster, log: Log) {
    this.#client = client
    this.#log = log
    client.on('message', (channel: string, word: string) => this.#tell(channel, word))
    client.on('ready', () => this.#again())
    client.on('close', () => this.#open.clear())
    this.#timer = setInterval(() => this.#again(), AGAIN_MS)
    this.#timer.unref()
  }

  /** Listens until the returned function is called; the channel is opened after `afterMs`. */
  listen(channel: string, onWord: OnWord, afterMs = 0): () => void {
    const timer = afterMs === 0 ? undefined : setTimeout(() => this.#add(channel, onWord), afterMs)
    timer?.unref()
    if (afterMs === 0) this.#add(channel, onWord)
    return () => {
      clearTimeout(timer)
      this.#remove(channel, onWord)
    }
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    this.#channels.clear()
  }

  #add(channel: string, onWord: OnWord): void {
    const listeners = this.#channels.get(channel)
    if (listeners) {
      listeners.add(onWord)
      if (this.#open.has(channel)) setImmediate(() => void (listeners.has(onWord) && onWord('')))
      return
    }
    this.#channels.set(channel, new Set([onWord]))
    this.#client.subscribe(channel).then(
      // What was said before the channel was open is found by looking.
      () => this.#opened(channel),
      (error) => this.#failed(error),
    )
  }

  #remove(channel: string, onWord: OnWord): void {
    const listeners = this.#channels.get(channel)
    if (!listeners?.delete(onWord) || listeners.size > 0) return
    this.#channels.delete(channel)
    this.#open.delete(channel)
    this.#client.unsubscribe(channel).catch((error) => this.#failed(error))
  }

  #failed(error: unknown): void {
    if (!this.#closed) this.#log.debug({ err: error }, 'a channel was not opened or closed')
  }

  #opened(channel: string): void {
    if (this.#channels.has(channel)) this.#open.add(channel)
    this.#tell(channel, '')
  }

  #tell(channel: string, word: string): void {
    for (const onWord of [...(this.#channels.get(channel) ?? [])]) onWord(word)
  }

  /** ioredis subscribes anew by itself; one that it could not open is opened here. */
  #again(): void {
    if (this.#closed || this.#client.status !== 'ready') return
    const channels = [...this.#channels.keys()]
    if (channels.length === 0) {
      this.#client.ping().catch((error) => this.#failed(error))
      return
    }
    this.#client.subscribe(...channels).then(
      () => {
        for (const channel of channels) this.#opened(channel)
      },
      (error) => this.#failed(error),
    )
  }
}
