import type { Client } from 'ssh2'
import { resolvesWithin } from '../../../shared/async/timeout.js'
import { GOODBYE_MS } from './connection.js'
import { connectOnce } from './handshake.js'
import type { Sessions } from './sessions.js'
import type { SshSettings } from './settings.js'
import type { ShellOutcome } from './shell.js'

/** How long it is kept after its last use, in ms: cancels often come several at a time. */
const KEEP_MS = 5000

/**
 * A second connection, made when it is needed: commands may hold every session of the kept one, and ending one
 * of them needs a session more. Sessions are limited by connection.
 */
export class SideConnection {
  readonly #settings: SshSettings
  readonly #closing = new AbortController()
  #client: Promise<Client> | undefined
  #users = 0
  #timer: NodeJS.Timeout | undefined

  constructor(settings: SshSettings) {
    this.#settings = settings
  }

  /** Uses a shell on it. Rejects, with the cause, where the server lets no second connection in. */
  async use<T>(
    sessions: Sessions,
    signal: AbortSignal,
    task: (outcome: ShellOutcome) => Promise<T>,
  ): Promise<T> {
    clearTimeout(this.#timer)
    this.#users += 1
    try {
      this.#client ??= this.#connect()
      const client = await this.#client
      return await task(await sessions.open(client, signal))
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#timer = setTimeout(() => void this.#hangUp(), KEEP_MS)
      if (this.#closing.signal.aborted) await this.close()
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#timer)
    await this.#hangUp()
  }

  async #connect(): Promise<Client> {
    const attempt = await connectOnce(this.#settings, this.#closing.signal)
    if (!attempt.ok) {
      this.#client = undefined
      throw new Error(attempt.failure.message)
    }
    const { client } = attempt
    client.on('error', () => {})
    client.once('close', () => {
      this.#client = undefined
    })
    return client
  }

  async #hangUp(): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    if (!client || this.#users > 0) return
    this.#client = undefined
    const closed = new Promise<void>((resolve) => void client.once('close', resolve))
    client.end()
    if (!(await resolvesWithin(closed, GOODBYE_MS))) client.destroy()
    await closed
  }
}
