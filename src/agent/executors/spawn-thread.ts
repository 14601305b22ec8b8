import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Exit } from '../core/ports.js'
import type { LocalProcess } from './local-process.js'
import { type SocketPair, SocketPairs } from './socket-pairs.js'
import type { SpawnNews, SpawnRequest } from './spawn-worker.js'

export type Spawned = LocalProcess & { pid: number; script: SocketPair['ours'] }

type Waiting = { started(pid: number): void; failed(why: Error): void; exited(exit: Exit): void }

/** In tests, which run from the sources, the worker is the built one: a thread loads no TypeScript. */
const WORKER = import.meta.url.endsWith('.ts')
  ? '../../../dist/agent/executors/spawn-worker.js'
  : './spawn-worker.js'

/** Starts shells from a thread of its own, with sockets of ours as their files. */
export class SpawnThread {
  readonly #pairs = new SocketPairs()
  readonly #worker = new Worker(new URL(WORKER, import.meta.url))
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #closing = false

  constructor() {
    this.#worker.unref()
    this.#worker.on('message', (news: SpawnNews) => this.#hear(news))
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('The thread that starts shells has ended.')))
  }

  /** A shell with four pipes: the usual three and `script`. Rejects when it cannot be started. */
  async spawn(args: string[], env: Record<string, string>, cwd: string | undefined): Promise<Spawned> {
    const [stdin, stdout, stderr, script] = await Promise.all([1, 2, 3, 4].map(() => this.#pairs.make()))
    if (!stdin || !stdout || !stderr || !script) throw new Error('Four pairs were asked for.')
    const pairs = [stdin, stdout, stderr, script]
    this.#lastId += 1
    const id = this.#lastId
    let exited: (exit: Exit) => void = () => {}
    const exit = new Promise<Exit>((resolve) => {
      exited = resolve
    })
    try {
      const pid = await new Promise<number>((started, failed) => {
        this.#waiting.set(id, { started, failed, exited })
        const request: SpawnRequest = { id, args, env, cwd, fds: pairs.map(({ fd }) => fd) }
        this.#worker.postMessage(request)
      })
      const ended = [stdout, stderr].map(({ ours }) => once(ours, 'close'))
      // What the shell itself still holds goes with it; a child of its may still write.
      void exit.then(() => {
        stdin.ours.destroy()
        script.ours.destroy()
      })
      return {
        pid,
        stdin: stdin.ours,
        stdout: stdout.ours,
        stderr: stderr.ours,
        script: script.ours,
        exited: exit,
        closed: Promise.all([exit, ...ended]).then(() => {}),
      }
    } catch (error) {
      for (const { ours } of pairs) ours.destroy()
      throw error
    } finally {
      // The shell has its own by now: ours must not keep the connections open.
      for (const pair of pairs) pair.release()
    }
  }

  /** Ends the thread once the last of its shells is gone. */
  close(): void {
    this.#closing = true
    this.#pairs.close()
    this.#endWhenIdle()
  }

  #hear(news: SpawnNews): void {
    const waiting = this.#waiting.get(news.id)
    if (news.kind === 'started') {
      waiting?.started(news.pid)
      return
    }
    this.#waiting.delete(news.id)
    if (news.kind === 'failed') waiting?.failed(new Error(news.message))
    else waiting?.exited({ exit_code: news.exit_code, signal: news.signal, reason: null })
    this.#endWhenIdle()
  }

  #endWhenIdle(): void {
    if (this.#closing && this.#waiting.size === 0) void this.#worker.terminate()
  }

  /** Nobody will hear of these shells' ends: what runs in them is lost to us. */
  #fail(error: Error): void {
    for (const { failed, exited } of this.#waiting.values()) {
      failed(error)
      exited({ exit_code: null, signal: null, reason: error.message, lost: true })
    }
    this.#waiting.clear()
  }
}
