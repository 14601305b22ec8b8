import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { sleep } from '../../shared/async/sleep.js'
import { resolvesWithin } from '../../shared/async/timeout.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'

/** Below so many free bytes nothing is written: LMDB needs room to commit what it holds. */
const MIN_FREE_BYTES = 16 * 1024 * 1024
/** Output comes in large chunks: with larger pages they commit nearly twice as fast as with 4 KiB. */
const PAGE_BYTES = 16 * 1024
const RETRY_MS = 500
const FREE_CHECK_MS = 1000
/** After so many bytes it is looked again: a fast command fills what was free within a second. */
const FREE_CHECK_BYTES = 4 * 1024 * 1024
/** What is still to be written at a close gets so long, in ms. */
const CLOSE_WAIT_MS = 5000
/** Writes wait so long for company, in ms: a short command's events mostly share one commit. */
const GATHER_MS = 5
/** So much to be written does not wait, in bytes. */
const GATHER_BYTES = 512 * 1024

/** Writes that share a commit: all of them or none. */
type Group = { issues: Issue[]; bytes: number; due: boolean; done: Promise<void>; settle: Settle }
type Issue = () => Promise<unknown>[]
type Settle = { resolve(): void; reject(why: unknown): void }

/**
 * The LMDB environment of a controller's data folder, and the one way to write to it: again and again until
 * it is committed, so that what waits for the commit (a receipt to an agent) waits out a full disk.
 */
export class LmdbFolder {
  readonly root: RootDatabase
  readonly path: string
  readonly #log: Log
  /** What gathers for the next commit, and what is being committed. */
  #gathering: Group | undefined
  #committing: Group | undefined
  #timer: NodeJS.Timeout | undefined
  #trouble: string | undefined
  readonly #onTrouble = new Set<() => void>()
  #checkedAt = Number.NEGATIVE_INFINITY
  /** Bytes written since it was looked how much is free. */
  #unchecked = 0
  #closed = false

  constructor(dataDir: string, log: Log) {
    this.path = join(dataDir, 'journal')
    // Not left to LMDB: where others see the data folder, this one must be closed to them from the first.
    mkdirSync(this.path, { recursive: true, mode: 0o700 })
    this.#log = log
    this.root = open({ path: this.path, noSubdir: false, maxDbs: 32, pageSize: PAGE_BYTES })
    chmodSync(this.path, 0o700)
    for (const name of readdirSync(this.path)) chmodSync(join(this.path, name), 0o600)
  }

  /**
   * Resolves when the writes that `issue` starts are committed; commits keep the order of these calls. `bytes`: about
   * how much they are. Rejects only when the folder is closed.
   */
  write(issue: Issue, bytes = 0): Promise<void> {
    const group = this.#gathering ?? this.#gather()
    group.issues.push(issue)
    group.bytes += bytes
    if (group.bytes >= GATHER_BYTES) this.#commitSoon(group)
    return group.done
  }

  /** Resolves when everything written so far is committed. Rejects when the folder is closed before that. */
  committed(): Promise<void> {
    return this.#gathering?.done ?? this.#committing?.done ?? Promise.resolve()
  }

  /** Resolves when everything written so far is committed or given up, or after `ms`. */
  async settled(ms?: number): Promise<void> {
    if (!this.#gathering && !this.#committing) return
    if (this.#gathering) this.#commitSoon(this.#gathering)
    const all = this.committed().catch(() => {})
    await (ms === undefined ? all : resolvesWithin(all, ms))
  }

  /** Resolves when `done` has, or as soon as nothing can be written. */
  async unlessTrouble(done: Promise<void>): Promise<void> {
    if (this.#trouble !== undefined) return
    let resolve = () => {}
    const trouble = new Promise<void>((settle) => {
      resolve = settle
    })
    this.#onTrouble.add(resolve)
    await Promise.race([done, trouble]).finally(() => this.#onTrouble.delete(resolve))
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

  #gather(): Group {
    let settle: Settle = { resolve() {}, reject() {} }
    const done = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject }
    })
    // A caller that waits for the commit hears of a folder that was closed; none has to wait.
    done.catch(() => {})
    const group: Group = { issues: [], bytes: 0, due: false, done, settle }
    this.#gathering = group
    this.#timer = setTimeout(() => this.#commitSoon(group), GATHER_MS)
    return group
  }

  /** One group at a time: what comes meanwhile gathers, and no later write is committed before an earlier one. */
  #commitSoon(group: Group): void {
    group.due = true
    if (!this.#committing && group === this.#gathering) void this.#commit(group)
  }

  async #commit(group: Group): Promise<void> {
    clearTimeout(this.#timer)
    this.#gathering = undefined
    this.#committing = group
    await this.#writeUntilDone(group).then(group.settle.resolve, group.settle.reject)
    this.#committing = undefined
    this.#goOn()
  }

  #goOn(): void {
    if (this.#gathering?.due) void this.#commit(this.#gathering)
  }

  async #writeUntilDone({ issues, bytes }: Group): Promise<void> {
    // A write that fails for want of room costs LMDB more than a look before it.
    this.#unchecked += bytes
    if (this.#unchecked >= FREE_CHECK_BYTES) await this.#checkFree(true, bytes)
    while (true) {
      if (this.#closed) throw new OgentError('UNAVAILABLE', 'The journal is closed.')
      if (this.#trouble === undefined) {
        try {
          await this.#batch(issues)
          return
        } catch (error) {
          this.#fail(error)
        }
      }
      await sleep(RETRY_MS)
      await this.#checkFree(true, bytes)
    }
  }

  /** All or nothing: the writes of one group share a transaction. */
  #batch(issues: Issue[]): Promise<unknown> {
    const writes: Promise<unknown>[] = []
    const done = this.root.batch(() => {
      for (const issue of issues) writes.push(...issue())
    })
    // Each write fails with its batch, and would end the process if it were not caught.
    for (const write of writes) write.catch(() => {})
    return done
  }

  #fail(error: unknown): void {
    // lmdb gives the cause by a second promise, which would end the process if it were not caught.
    const cause = error instanceof Error && 'commitError' in error ? error.commitError : undefined
    if (cause instanceof Promise) cause.catch((why) => this.#log.error({ err: why }, 'commit failed'))
    this.#setTrouble(messageOf(error))
  }

  /** `bytes`: what is to be written besides. */
  async #checkFree(again = false, bytes = 0): Promise<void> {
    const now = performance.now()
    if (!again && now - this.#checkedAt < FREE_CHECK_MS) return
    this.#checkedAt = now
    this.#unchecked = 0
    try {
      const { bavail, bsize } = await statfs(this.path)
      if (bavail * bsize < MIN_FREE_BYTES + bytes) return this.#setTrouble('the disk is full')
      if (this.#trouble !== undefined) this.#log.info({}, 'the journal can be written again')
      this.#trouble = undefined
    } catch (error) {
      this.#setTrouble(messageOf(error))
    }
  }

  #setTrouble(sentence: string): void {
    if (this.#trouble !== sentence) this.#log.error({ cause: sentence }, 'the journal cannot be written')
    this.#trouble = sentence
    for (const resolve of this.#onTrouble) resolve()
    this.#onTrouble.clear()
  }
}
