import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { JobName, Jobs } from './jobs.js'
import { isAlive } from './measure/processes.js'

/** An agent may give its commands 10 s to end. */
const STOP_MS = 15_000
const START_MS = 60_000

export type ProcessOptions = {
  /** How this process is named in messages. */
  name: string
  program: string
  args: string[]
  env?: NodeJS.ProcessEnv
  /** A channel for jobs and readiness; for processes of this bench. */
  ipc?: boolean
}

/** One process that the bench has started, from its start to its end. */
export class BenchProcess {
  readonly name: string
  readonly pid: number
  readonly #child: ChildProcess
  readonly #answers = new Map<number, { resolve: (output: unknown) => void; reject: (why: Error) => void }>()
  #text = ''
  #facts: Record<string, string> | undefined
  #changed: () => void = () => {}
  #lastId = 0

  private constructor(options: ProcessOptions, child: ChildProcess, pid: number) {
    this.name = options.name
    this.#child = child
    this.pid = pid
    child.stdout?.on('data', (data: Buffer) => this.#print(data))
    child.stderr?.on('data', (data: Buffer) => this.#print(data))
    child.on('message', (message: object) => this.#receive(message))
    child.once('exit', () => {
      this.#changed()
      for (const { reject } of this.#answers.values()) reject(new Error(`${this.name} ended.`))
    })
  }

  static async start(options: ProcessOptions): Promise<BenchProcess> {
    const child = spawn(options.program, options.args, {
      env: options.env ?? bareEnvironment(),
      stdio: options.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    })
    if (child.pid === undefined) await once(child, 'spawn')
    return new BenchProcess(options, child, child.pid ?? 0)
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What the role told when it was ready. */
  async ready(): Promise<Record<string, string>> {
    return this.#until(() => this.#facts, 'to be ready')
  }

  /** The first match in what it prints. */
  async printed(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#until(() => this.#text.match(pattern) ?? undefined, `to print ${pattern}`)
  }

  /** Has the process do a job. Rejects when the job fails or takes too long. */
  perform<K extends JobName>(
    job: K,
    input: Jobs[K]['input'],
    limitSeconds: number,
  ): Promise<Jobs[K]['output']> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => settle(() => reject(new TimeLimit(`not done in ${limitSeconds} s`))),
        limitSeconds * 1000,
      )
      const settle = (act: () => void) => {
        clearTimeout(timer)
        this.#answers.delete(id)
        act()
      }
      this.#answers.set(id, {
        // The driver answers a job with that job's output.
        resolve: (output) => settle(() => resolve(output as Jobs[K]['output'])),
        reject: (why) => settle(() => reject(why)),
      })
      if (!this.running) return settle(() => reject(new Error(`${this.name} has ended.`)))
      this.#child.send({ id, job, input })
    })
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal)
  }

  /** Asks it to end, waits, forces it. */
  async stop(): Promise<void> {
    if (!this.running) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const force = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(force)
  }

  #print(data: Buffer): void {
    this.#text = `${this.#text}${data}`.slice(-20_000)
    this.#changed()
  }

  #receive(message: object): void {
    if ('ready' in message) {
      // Roles are this bench's own: `ready` gives names and texts.
      this.#facts = message.ready as Record<string, string>
      return this.#changed()
    }
    const { id, output, error } = message as { id: number; output?: unknown; error?: string }
    const answer = this.#answers.get(id)
    if (error === undefined) answer?.resolve(output)
    else answer?.reject(new Error(error))
  }

  async #until<T>(look: () => T | undefined, what: string): Promise<T> {
    const deadline = performance.now() + START_MS
    while (true) {
      const found = look()
      if (found !== undefined) return found
      if (!this.running) throw new Error(`${this.name} ended before it came ${what}: ${this.#text.trim()}`)
      if (performance.now() > deadline) throw new Error(`${this.name} took too long ${what}: ${this.#text}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000)
        this.#changed = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}

/** A job that went past its time: its process cannot be relied on any more. */
export class TimeLimit extends Error {
  override readonly name = 'TimeLimit'
}

/** What a process needs of our environment, and nothing else of it. */
export function bareEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TMPDIR } = process.env
  return { PATH, HOME, LANG, TMPDIR }
}

/** Starts the bench's processes and stops each of them, however the run ends. */
export class Processes {
  readonly #all = new Set<BenchProcess>()
  readonly #profiles: string | undefined

  constructor(profiles: string | undefined) {
    this.#profiles = profiles
  }

  /** A Node process of `script`, with a channel unless `ipc` is false. */
  node(
    name: string,
    script: string,
    options: {
      given?: object
      args?: string[]
      node?: string[]
      env?: NodeJS.ProcessEnv
      ipc?: boolean
    } = {},
  ): Promise<BenchProcess> {
    const args = options.args ?? [JSON.stringify(options.given ?? {})]
    return this.start({
      name,
      program: process.execPath,
      args: [...(options.node ?? []), ...this.#profiling(name), script, ...args],
      ipc: options.ipc ?? true,
      ...(options.env ? { env: options.env } : {}),
    })
  }

  async start(options: ProcessOptions): Promise<BenchProcess> {
    const started = await BenchProcess.start(options)
    this.#all.add(started)
    return started
  }

  async stop(some: Iterable<BenchProcess> = [...this.#all].reverse()): Promise<void> {
    const list = [...some]
    await Promise.all(list.map((one) => one.stop()))
    for (const one of list) this.#all.delete(one)
  }

  /** For the moment before this process itself ends. */
  killAll(): void {
    for (const one of this.#all) if (isAlive(one.pid)) one.signal('SIGKILL')
  }

  #profiling(name: string): string[] {
    if (this.#profiles === undefined) return []
    const folder = join(this.#profiles, name.replaceAll(/[^\w-]+/g, '-'))
    mkdirSync(folder, { recursive: true })
    return ['--cpu-prof', `--cpu-prof-dir=${folder}`]
  }
}
