import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ENDS_WITH_LAUNCHER } from '../../host/end-request.js'
import { resolvesWithin } from '../../shared/async/timeout.js'

/** An agent takes 21 s at most to stop in order. */
const STOP_MS = 25_000

/** One role as a process of its own, as in production, except that it ends when this process does, even by kill -9. */
export class RoleProcess {
  readonly exited: Promise<void>
  readonly #role: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #onLine: () => void = () => {}

  /** `hear` gets every line that it prints, as it comes. */
  constructor(role: 'controller' | 'agent', env: NodeJS.ProcessEnv, hear: (line: string) => void = () => {}) {
    this.#role = role
    const main = fileURLToPath(new URL('../main.js', import.meta.url))
    // A group of its own: Ctrl-C in a terminal is for the parent, which stops its children in order.
    this.#child = spawn(process.execPath, [main, role], {
      env: { ...env, [ENDS_WITH_LAUNCHER]: '1' },
      // The system closes the channel whichever way this process ends, and the role hears of it.
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      detached: true,
    })
    this.exited = once(this.#child, 'exit').then(() => this.#onLine())
    if (!this.#child.stdout) throw new Error('A role is spawned with a pipe for its output.')
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#lines.push(line)
      hear(line)
      this.#onLine()
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it ended with; undefined while it runs, and where a signal ended it. */
  get exitCode(): number | undefined {
    return this.#child.exitCode ?? undefined
  }

  /** The first line that matches; rejects when the process ends without one. */
  async waitFor(pattern: RegExp): Promise<RegExpMatchArray> {
    while (true) {
      for (const line of this.#lines) {
        const match = line.match(pattern)
        if (match) return match
      }
      if (!this.running) throw new Error(`The ${this.#role} ended before it was ready.`)
      await new Promise<void>((resolve) => {
        this.#onLine = resolve
      })
    }
  }

  /** Asks once more: it ends at once, and an agent ends what it runs by force. */
  hasten(): void {
    if (this.running) this.#child.kill('SIGTERM')
  }

  /** Asks it to stop, and forces it when it takes too long. */
  async stop(): Promise<void> {
    if (!this.running) return
    this.#child.kill('SIGTERM')
    if (!(await resolvesWithin(this.exited, STOP_MS))) this.#child.kill('SIGKILL')
    await this.exited
  }
}

/** What a child process needs of our environment; none of our settings among it. */
export function bareEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TMPDIR } = process.env
  return { PATH, HOME, LANG, TMPDIR }
}

/** For a process that talks to this machine alone, of whose ports a proxy knows nothing. Both names: the lower one counts first. */
export const NO_PROXY_AT_ALL = { NO_PROXY: '*', no_proxy: '*' }
