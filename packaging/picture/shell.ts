import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import type { Recording } from './recording.js'

export type ShellOptions = {
  columns: number
  rows: number
  /** Where the shell starts; its start file is written there. */
  folder: string
  env: Record<string, string>
}

/** By how much time each key follows the one before, at least and at most, in ms. */
export type Pace = { least: number; most: number }

/** "A prompt begins": the shell says so in a sequence that terminals do not show, and this program waits for. */
const PROMPT_BEGINS = '\u001b]133;A\u0007'
/** What is typed is bold, and what the command prints is not; a prompt has an empty row above it, but for the first. */
const START_FILE = `PS1='\\[\\e]133;A\\a\\e[32m\\]$\\[\\e[39;1m\\] '
PS0='\\e[0m'
PROMPT_COMMAND='PROMPT_COMMAND=echo'
`
/** A command of the picture takes seconds: this bounds a wait for what never comes. */
const PATIENCE_MS = 120_000

/** A bash at a terminal of its own, which script(1) makes. All that the terminal gets is recorded. */
export class RecordedShell implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #closed = new AbortController()
  readonly #size: { columns: number; rows: number }
  readonly #output: { at: number; text: string }[] = []
  #prompts = 0

  private constructor({ columns, rows, folder, env }: ShellOptions) {
    this.#size = { columns, rows }
    const startFile = join(folder, 'start.bash')
    writeFileSync(startFile, START_FILE)
    const program = `stty rows ${rows} cols ${columns}; exec bash --noprofile --rcfile "$START_FILE" -i`
    this.#child = spawn('script', ['-qefc', program, '/dev/null'], {
      cwd: folder,
      env: {
        SHELL: '/bin/sh',
        TERM: 'xterm-256color',
        LANG: 'C.UTF-8',
        HISTFILE: '/dev/null',
        START_FILE: startFile,
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.once('close', () => this.#closed.abort(new Error('The shell ended.')))
    // Such as a machine without script(1).
    this.#child.once('error', (error) => this.#closed.abort(error))
    // A shell that has ended reads no more keys: waiting for its prompt says so.
    this.#child.stdin.on('error', () => {})
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output.push({ at: performance.now(), text })
    })
  }

  /** Resolves at the first prompt. */
  static async start(options: ShellOptions): Promise<RecordedShell> {
    const shell = new RecordedShell(options)
    try {
      await shell.#nextPrompt()
      return shell
    } catch (error) {
      await shell[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Types a line and Enter; resolves when the shell asks for the next one, and gives what was printed until then. */
  async type(line: string, { least, most }: Pace): Promise<string> {
    const before = this.#text().length
    for (const key of `${line}\r`) {
      await wait(least + Math.random() * (most - least), undefined, { signal: this.#closed.signal })
      this.#child.stdin.write(key)
    }
    await this.#nextPrompt()
    return this.#text().slice(before)
  }

  get recording(): Recording {
    const begin = this.#output[0]?.at ?? 0
    return {
      ...this.#size,
      output: this.#output.map(({ at, text }) => ({ seconds: (at - begin) / 1000, text })),
    }
  }

  /** Closes the terminal, which ends the shell and what runs in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return
    const closed = once(this.#child, 'close')
    // Asked in order, script(1) would say so.
    this.#child.kill('SIGKILL')
    await closed
  }

  async #nextPrompt(): Promise<void> {
    this.#prompts += 1
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(PATIENCE_MS)])
    while (this.#text().split(PROMPT_BEGINS).length - 1 < this.#prompts)
      await once(this.#child.stdout, 'data', { signal })
  }

  #text(): string {
    return this.#output.map(({ text }) => text).join('')
  }
}
