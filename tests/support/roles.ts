import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** Lines of its log that a process is remembered by, for the message of a failed test. */
const KEPT_LINES = 200

/** One role of the built package as a process of its own; `await using` ends it, by force. */
export class Role {
  readonly exited: Promise<void>
  readonly #name: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #onLine: (() => void)[] = []

  private constructor(name: string, args: string[], env: Record<string, string>, cwd?: string) {
    this.#name = name
    const { PATH = '', HOME = '' } = process.env
    this.#child = spawn(process.execPath, args, {
      env: { PATH, HOME, ...env },
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.exited = once(this.#child, 'close').then(() => this.#wake())
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (!stream) throw new Error('A role is spawned with pipes for both streams.')
      createInterface({ input: stream }).on('line', (line) => this.#hear(line))
    }
  }

  /** `main` is the program of another version. */
  static controller(env: Record<string, string>, main = MAIN): Role {
    return new Role('controller', [main, 'controller'], env)
  }

  static agent(env: Record<string, string>, main = MAIN): Role {
    return new Role('agent', [main, 'agent'], env)
  }

  /** By what is typed after `ogent`, in a folder. */
  static typed(args: string[], env: Record<string, string>, cwd: string): Role {
    return new Role(args[0] ?? '', [MAIN, ...args], env, cwd)
  }

  /** A program of the tests' own against the built package; `dist` in it is the package's folder, as a URL. */
  static script(code: string, env: Record<string, string> = {}): Role {
    const dist = JSON.stringify(new URL('../../dist/', import.meta.url).href)
    return new Role('script', ['--input-type=module', '-e', `const dist = ${dist}\n${code}`], env)
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`The ${this.#name} did not start.`)
    return pid
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  /** The last lines that it printed or logged. */
  get log(): string {
    return this.#lines.join('\n')
  }

  /** Waits for a line that matches; a line of before counts. Rejects when the process ends without one. */
  async says(pattern: RegExp, ms = 120_000): Promise<RegExpMatchArray> {
    const deadline = AbortSignal.timeout(ms)
    while (true) {
      for (const line of this.#lines) {
        const match = line.match(pattern)
        if (match) return match
      }
      if (!this.running) throw new Error(`The ${this.#name} ended without saying ${pattern}:\n${this.log}`)
      if (deadline.aborted)
        throw new Error(`The ${this.#name} did not say ${pattern} in ${ms} ms:\n${this.log}`)
      await this.#nextLine(deadline)
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL')
    await this.exited
  }

  /** Asks it to stop, and gives its exit code; undefined when that takes longer than `ms`. */
  async stop(ms = 120_000): Promise<number | null | undefined> {
    this.#child.kill('SIGTERM')
    const timer = new AbortController()
    const late = once(AbortSignal.any([AbortSignal.timeout(ms), timer.signal]), 'abort').then(() => 'late')
    const first = await Promise.race([this.exited, late])
    timer.abort()
    return first === 'late' ? undefined : this.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A stopped process takes no signal but these two.
    if (this.running) this.#child.kill('SIGCONT')
    await this.kill()
  }

  #hear(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > KEPT_LINES) this.#lines.shift()
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#onLine.splice(0)) wake()
  }

  #nextLine(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        deadline.removeEventListener('abort', done)
        resolve()
      }
      this.#onLine.push(done)
      deadline.addEventListener('abort', done)
    })
  }
}
