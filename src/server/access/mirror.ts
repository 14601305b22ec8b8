import { OgentError } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'
import type { RowChange, SharedRows } from './ports.js'

/** How often a change is made anew because another one came before it. */
const TRIES = 20

export type MirrorOptions<Row> = {
  rows: SharedRows<Row>
  /** What the rows are, for the log. */
  what: string
  log: Log
  /** What has to be changed about rows that were read before they are used; undefined where they are as they should be. */
  mend?: (rows: ReadonlyMap<string, Row>) => RowChange<Row> | undefined
}

/**
 * Shared rows in memory, so that a call asks no store. Where the store does not answer, what was read last holds until it
 * does.
 */
export class Mirror<Row> {
  readonly #options: MirrorOptions<Row>
  readonly #listeners = new Set<() => void>()
  #rows: ReadonlyMap<string, Row> = new Map()
  #version: string | undefined
  #reading: Promise<unknown> = Promise.resolve()
  /** A reading that has not begun: all who want one meanwhile share it. */
  #queued: Promise<void> | undefined
  #unlisten: () => void = () => {}

  private constructor(options: MirrorOptions<Row>) {
    this.#options = options
  }

  /** Resolves once the rows were read. Rejects where they cannot be. */
  static async open<Row>(options: MirrorOptions<Row>): Promise<Mirror<Row>> {
    const mirror = new Mirror(options)
    await mirror.refresh()
    const { log, what } = options
    mirror.#unlisten = options.rows.listen(() => {
      mirror.refresh().catch((error) => log.debug({ err: error }, `${what} were not read again`))
    })
    return mirror
  }

  get rows(): ReadonlyMap<string, Row> {
    return this.#rows
  }

  /** Reads what has changed. One reading at a time: it never ends with rows that are older than those of its begin. */
  refresh(): Promise<void> {
    if (this.#queued) return this.#queued
    const next = this.#reading.then(() => {
      this.#queued = undefined
      return this.#read()
    })
    this.#queued = next
    this.#reading = next.catch(() => {})
    return next
  }

  /**
   * Makes a change of the rows as they are, all of it or nothing. `act` may be called again, where another change came
   * before; what it throws is thrown. Throws UNAVAILABLE.
   */
  async change<T>(
    act: (rows: ReadonlyMap<string, Row>) => { change: RowChange<Row>; result: T },
  ): Promise<T> {
    for (let tries = 0; tries < TRIES; tries++) {
      await this.refresh()
      const { change, result } = act(this.#rows)
      const { put = [], remove = [] } = change
      if (put.length + remove.length === 0) return result
      if (await this.#options.rows.write(change, this.#version ?? '')) {
        await this.refresh()
        return result
      }
    }
    throw new OgentError('UNAVAILABLE', `The ${this.#options.what} are being changed by others: try again.`)
  }

  /** Calls after each change, here and elsewhere, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#unlisten()
    this.#listeners.clear()
  }

  async #read(): Promise<void> {
    const { rows, mend } = this.#options
    for (let tries = 0; tries < TRIES; tries++) {
      const found = await rows.read(this.#version)
      if (!found) return
      const mended = mend?.(found.rows)
      if (mended) {
        await rows.write(mended, found.version)
        continue
      }
      this.#version = found.version
      this.#rows = found.rows
      for (const listener of this.#listeners) listener()
      return
    }
  }
}
