import type { Cluster, Redis } from 'ioredis'
import type { Log } from '../../telemetry/ports.js'

/** Every listener looks again so often, in ms: a lost message causes a delay, and no loss. */
const AGAIN_MS = 5000

/** Called with a word, or with '' when it is time to look again without one. */
type OnWord = (word: string) => void

/** The same as bytes; none when there is no word. */
type OnBytes = (word: Buffer) => void

type Channel = { listeners: Set<OnBytes>; opened: Promise<void> }

const NO_WORD = Buffer.alloc(0)

/**
 * Words between controllers, by pub/sub on one connection. A word says only that it is worth looking; what is
 * true is read from keys. Each listener is called when the channel is open, each time the connection is back,
 * and every few seconds besides. Those for bytes are called with what was sent alone.
 */
export class RedisNotifications {
  readonly #client: Redis | Cluster
  readonly #log: Log
  readonly #channels = new Map<string, Channel>()
  readonly #timer: NodeJS.Timeout
  #closed = false

  constructor(client: Redis | Cluster, log: Log) {
    this.#client = client
    this.#log = log
    client.on('messageBuffer', (channel: Buffer, word: Buffer) => this.#tell(String(channel), word))
    client.on('ready', () => this.#again())
    this.#timer = setInterval(() => this.#again(), AGAIN_MS)
    this.#timer.unref()
  }

  /** Listens until the returned function is called; the channel is opened after `afterMs`. */
  listen(channel: string, onWord: OnWord, afterMs = 0): () => void {
    const onBytes: OnBytes = (word) => onWord(String(word))
    const timer = afterMs === 0 ? undefined : setTimeout(() => this.#add(channel, onBytes), afterMs)
    timer?.unref()
    if (afterMs === 0) this.#add(channel, onBytes)
    return () => {
      clearTimeout(timer)
      this.#remove(channel, onBytes)
    }
  }

  /** As `listen`, for messages that are bytes: called with each that comes. `opened` resolves once the channel is open. */
  listenForBytes(channel: string, onMessage: OnBytes): { opened: Promise<void>; close(): void } {
    const onBytes: OnBytes = (message) => {
      if (message.length > 0) onMessage(message)
    }
    const { opened } = this.#add(channel, onBytes)
    return { opened, close: () => this.#remove(channel, onBytes) }
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    this.#channels.clear()
  }

  #add(channel: string, onBytes: OnBytes): Channel {
    const held = this.#channels.get(channel)
    if (held) {
      held.listeners.add(onBytes)
      // Where the channel is open already, the call of its opening was before this listener.
      void held.opened.then(() => held.listeners.has(onBytes) && onBytes(NO_WORD))
      return held
    }
    const opened = this.#client.subscribe(channel).then(
      // What was said before the channel was open is found by looking.
      () => this.#tell(channel, NO_WORD),
      (error) => this.#failed(error),
    )
    const added: Channel = { listeners: new Set([onBytes]), opened }
    this.#channels.set(channel, added)
    return added
  }

  #remove(channel: string, onBytes: OnBytes): void {
    const listeners = this.#channels.get(channel)?.listeners
    if (!listeners?.delete(onBytes) || listeners.size > 0) return
    this.#channels.delete(channel)
    this.#client.unsubscribe(channel).catch((error) => this.#failed(error))
  }

  #failed(error: unknown): void {
    if (!this.#closed) this.#log.debug({ err: error }, 'a channel was not opened or closed')
  }

  #tell(channel: string, word: Buffer): void {
    for (const onBytes of [...(this.#channels.get(channel)?.listeners ?? [])]) onBytes(word)
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
        for (const channel of channels) this.#tell(channel, NO_WORD)
      },
      (error) => this.#failed(error),
    )
  }
}
