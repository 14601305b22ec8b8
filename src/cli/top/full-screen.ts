/** Keys that end it: q, and Ctrl-C and Ctrl-D, which are keys like others in raw mode. */
const END = ['q', 'Q', '\u0003', '\u0004']
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A terminal as one screen that is drawn anew, and gives back what was there before when it is closed. */
export class FullScreen {
  /** Aborts when its user has seen enough. */
  readonly signal: AbortSignal
  readonly #left = new AbortController()
  readonly #lines: () => string[]
  readonly #leave = () => this.#left.abort()
  readonly #redraw = () => this.draw()
  readonly #key = (data: Buffer) => {
    if (END.some((key) => data.includes(key))) this.#leave()
  }

  constructor(lines: () => string[]) {
    this.#lines = lines
    this.signal = this.#left.signal
    // The other screen of the terminal, without a cursor.
    process.stdout.write('\u001b[?1049h\u001b[?25l')
    for (const signal of SIGNALS) process.on(signal, this.#leave)
    process.stdout.on('resize', this.#redraw)
    if (process.stdin.isTTY) process.stdin.setRawMode(true).on('data', this.#key)
    this.draw()
  }

  draw(): void {
    const lines = this.#lines().map((line) => `${line}\u001b[K`)
    process.stdout.write(`\u001b[H${lines.join('\r\n')}\u001b[J`)
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#leave)
    process.stdout.off('resize', this.#redraw)
    if (process.stdin.isTTY) process.stdin.setRawMode(false).off('data', this.#key).pause()
    process.stdout.write('\u001b[?25h\u001b[?1049l')
  }
}
