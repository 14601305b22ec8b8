import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { temporaryFolder } from './folder.js'
import { repository } from './samples.js'

type Options = {
  /** MiB of V8's heap. */
  heap?: number
  /** Open files that the process may have. */
  files?: number
  env?: Record<string, string>
}

/** The built controller as a process of its own with little memory or few open files; `await using` ends it. */
export class SmallController {
  readonly url: string
  readonly log: string[]
  readonly #child: ChildProcess
  readonly #removeFolder: () => void

  private constructor(url: string, log: string[], child: ChildProcess, removeFolder: () => void) {
    this.url = url
    this.log = log
    this.#child = child
    this.#removeFolder = removeFolder
  }

  static async start({ heap, files, env = {} }: Options = {}): Promise<SmallController> {
    const folder = temporaryFolder()
    const node = [
      process.execPath,
      ...(heap === undefined ? [] : [`--max-old-space-size=${heap}`]),
      `${repository}dist/cli/main.js`,
      'controller',
    ]
    const limited = files === undefined ? node : ['prlimit', `--nofile=${files}`, ...node]
    const { PATH = '', HOME = '' } = process.env
    const child = spawn(limited[0] ?? '', limited.slice(1), {
      env: { PATH, HOME, PORT: '0', DATA_DIR: join(folder.path, 'data'), ADMIN_PASSWORD: PASSWORD, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const log: string[] = []
    if (!child.stdout || !child.stderr) throw new Error('It is spawned with pipes.')
    createInterface({ input: child.stderr }).on('line', (line) => log.push(line))
    for await (const line of createInterface({ input: child.stdout })) {
      const url = line.match(/^Ogent controller on (\S+)$/)?.[1]
      if (url) return new SmallController(url, log, child, () => folder[Symbol.dispose]())
    }
    throw new Error(`It ended without an address:\n${log.join('\n')}`)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** How it ended, with the end of what it wrote to stderr; for the message of a test that finds it dead. */
  get ending(): string {
    const { exitCode, signalCode } = this.#child
    const how = this.running ? 'runs' : `ended with exit code ${exitCode} and signal ${signalCode}`
    return `The controller ${how}. The end of its log:\n${this.log.slice(-40).join('\n')}`
  }

  /** A request whose failure tells how the controller ended. */
  async fetch(path: string, init?: RequestInit): Promise<Response> {
    try {
      return await fetch(this.url + path, init)
    } catch (cause) {
      // One that is dying refuses connections before it is known to be dead.
      if (this.running) await Promise.race([once(this.#child, 'exit'), setTimeout(5000)])
      throw new Error(`No answer to ${path}. ${this.ending}`, { cause })
    }
  }

  /** Throws when `/health` does not answer that all is well: a process that hangs gets two minutes. */
  async health(): Promise<void> {
    const reply = await this.fetch('/health', {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(120_000),
    })
    if (reply.status !== 200) throw new Error(`/health answers ${reply.status}`)
    await reply.arrayBuffer()
  }

  async token(username = 'admin', password = PASSWORD): Promise<string> {
    const body = new URLSearchParams({ username, password })
    const reply = await this.fetch('/token', { method: 'POST', body })
    return ((await reply.json()) as { access_token: string }).access_token
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) {
      const gone = once(this.#child, 'close')
      this.#child.kill('SIGKILL')
      await gone
    }
    this.#removeFolder()
  }
}

const PASSWORD = 'admin-pass-of-small-controllers'
