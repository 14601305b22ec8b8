import { styleText } from 'node:util'
import { printable, write } from './output.js'
import { cut } from './table.js'

const FIRST_LOOK_MS = 500
const REFRESH_MS = 250

const ERASE = '\r\u001b[K'
const NEWLINE = 0x0a

/**
 * What a command writes, with a line about its state below it, where stderr is a terminal. The line has a row of its
 * own: it goes before anything else is written, and stays away while the last row is not ended.
 */
export class Screen {
  readonly #status: () => string
  readonly #timer: NodeJS.Timeout | undefined
  readonly #began = performance.now()
  #shown = false
  #midLine = false

  constructor(status: () => string, options: { quiet?: boolean } = {}) {
    this.#status = status
    const wanted = !options.quiet && process.stderr.isTTY && process.env.TERM !== 'dumb'
    this.#timer = wanted ? setInterval(() => this.#draw(), REFRESH_MS).unref() : undefined
  }

  /** Bytes of the command, untouched. */
  async write(stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> {
    const out = process[stream]
    if (out.isTTY) {
      this.#erase()
      if (data.length > 0) this.#midLine = data.at(-1) !== NEWLINE
    }
    await write(out, data)
  }

  /** A remark of ours, on a row of its own. */
  say(sentence: string): void {
    this.#erase()
    const start = this.#midLine && process.stderr.isTTY ? '\n' : ''
    this.#midLine = false
    process.stderr.write(`${start}ogent: ${printable(sentence)}\n`)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#erase()
  }

  #draw(): void {
    if (this.#midLine || performance.now() - this.#began < FIRST_LOOK_MS) return
    const text = cut(printable(this.#status()), (process.stderr.columns || 80) - 1)
    process.stderr.write(`${ERASE}${styleText('dim', text, { stream: process.stderr })}`)
    this.#shown = true
  }

  #erase(): void {
    if (!this.#shown) return
    process.stderr.write(ERASE)
    this.#shown = false
  }
}
