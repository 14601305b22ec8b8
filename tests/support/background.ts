import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A program that runs until it is ended: with its whole process group, as Ctrl-C does, by `await using`. */
export class BackgroundProgram {
  readonly #child
  readonly #exited: Promise<unknown>
  readonly #lines: string[] = []
  #onChange: () => void = () => {}

  constructor(file: string, args: string[], options: { cwd: string; env?: Record<string, string> }) {
    const { PATH = '', HOME = '' } = process.env
    this.#child = spawn(file, args, {
      cwd: options.cwd,
      env: { PATH, HOME, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#exited = once(this.#child, 'close').then(() => this.#onChange())
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line)
        this.#onChange()
      })
    }
  }

  /** What the pattern's first group found in the first line that it fits; rejects when the program ends before. */
  async line(pattern: RegExp): Promise<string> {
    while (true) {
      for (const line of this.#lines) {
        const found = line.match(pattern)
        if (found) return found[1] ?? found[0]
      }
      if (this.#ended) throw new Error(`It ended without saying ${pattern}:\n${this.#lines.join('\n')}`)
      await new Promise<void>((resolve) => {
        this.#onChange = resolve
      })
    }
  }

  /** Interrupts it as Ctrl-C does and gives its exit code; forces it after a while. */
  async stop(): Promise<number | null> {
    if (!this.#ended) this.#signal('SIGINT')
    const force = setTimeout(() => this.#signal('SIGKILL'), 60_000)
    await this.#exited
    clearTimeout(force)
    return this.#child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal)
  }
}
