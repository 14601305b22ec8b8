import { chmodSync, mkdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { messageOf, OgentError } from '../../shared/errors.js'
import type { Log } from '../core/ports.js'

/** Below so many free bytes nothing is written: LMDB needs room to commit what it holds. */
const MIN_FREE_BYTES = 16 * 1024 * 1024
/** Output comes in chunks of up to 64 KiB: with larger pages they commit nearly twice as fast as with 4 KiB. */
const PAGE_BYTES = 16 * 1024
const RETRY_MS = 500
const FREE_CHECK_MS = 1000
/** What is still to be written at a close gets so long, in ms. */
const CLOSE_WAIT_MS = 5000

/**
 * The LMDB environment of a controller's data folder, and the one way to write to it: again and again until
 * it is committed, so that whoever waits for the commit (a receipt to an agent) waits out a full disk.
 */
export class LmdbFolder {
  readonly root: RootDatabase
  readonly path: string
  readonly #log: Log
  readonly #pending = new Set<Promise<void>>()
  #trouble: string | undefined
  #checkedAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(dataDir: string, log: Log) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    this.path = join(dataDir, 'journal')
    this.#log = log
    this.root = open({ path: this.path, noSubdir: false, maxDbs: 16, pageSize: PAGE_BYTES })
    chmodSync(this.path, 0o700)
  }

  /** Resolves when the writes that `issue` starts are committed. Rejects only when the folder is closed. */
  write(issue: () => Promise<unknown>[]): Promise<void> {
    const done = this.#writeUntilDone(issue)
    this.#pending.add(done)
    const settle = () => this.#pending.delete(done)
    done.then(settle, settle)
    return done
  }

  /** Resolves when everything written so far is committed. Rejects when the folder is closed before that. */
  async committed(): Promise<void> {
    await Promise.all(this.#pending)
  }

  /** Resolves when everything written so far is committed or given up, or after `ms`. */
  async settled(ms?: number): Promise<void> {
    if (this.#pending.size === 0) return
    const all = Promise.allSettled(this.#pending)
    await (ms === undefined ? all : Promise.race([all, sleep(ms)]))
  }

  /** Throws UNAVAILABLE while nothing can be written. */
  async check(): Promise<void> {
    if (this.#trouble === undefined) await this.#checkFree()
    if (this.#trouble !== undefined) {
      throw new OgentError('UNAVAILABLE', `The journal cannot be written: ${this.#trouble}.`)
    }
  }

  async close(): Promise<void> {
    await this.settled(CLOSE_WAIT_MS)
    this.#closed = true
    await this.root.close()
  }

  async #writeUntilDone(issue: () => Promise<unknown>[]): Promise<void> {
    while (true) {
      if (this.#closed) throw new OgentError('UNAVAILABLE', 'The journal is closed.')
      if (this.#trouble === undefined) {
        try {
          await this.#batch(issue)
          return
        } catch (error) {
          this.#fail(error)
        }
      }
      await sleep(RETRY_MS)
      await this.#checkFree(true)
    }
  }

  /** All or nothing: the writes of one call share a transaction. */
  #batch(issue: () => Promise<unknown>[]): Promise<unknown> {
    let writes: Promise<unknown>[] = []
    const done = this.root.batch(() => {
      writes = issue()
    })
    // Each write fails with its batch, and would end the process if nobody caught it.
    for (const write of writes) write.catch(() => {})
    return done
  }

  #fail(error: unknown): void {
    // lmdb tells the cause by a second promise, which would end the process if nobody caught it.
    const cause = error instanceof Error && 'commitError' in error ? error.commitError : undefined
    if (cause instanceof Promise) cause.catch((why) => this.#log.error({ err: why }, 'commit failed'))
    this.#setTrouble(messageOf(error))
  }

  async #checkFree(again = false): Promise<void> {
    const now = performance.now()
    if (!again && now - this.#checkedAt < FREE_CHECK_MS) return
    this.#checkedAt = now
    try {
      const { bavail, bsize } = await statfs(this.path)
      if (bavail * bsize < MIN_FREE_BYTES) return this.#setTrouble('the disk is full')
      if (this.#trouble !== undefined) this.#log.info({}, 'the journal can be written again')
      this.#trouble = undefined
    } catch (error) {
      this.#setTrouble(messageOf(error))
    }
  }

  #setTrouble(sentence: string): void {
    if (this.#trouble !== sentence) this.#log.error({ cause: sentence }, 'the journal cannot be written')
    this.#trouble = sentence
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
