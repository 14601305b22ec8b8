import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { temporaryFolder } from './folder.js'
import { until } from './processes.js'
import { programPath } from './services.js'

type RedisServerOptions = {
  /** Lines of its configuration, besides. */
  config?: string[]
  /** Puts files into its folder before it starts; gives lines of its configuration. */
  prepare?: (folder: string) => string[]
}

/** A redis-server of the tests' own on a free port, with its data in a throw-away folder; `await using` ends it. */
export class RedisProcess {
  readonly port: number
  readonly folder: string
  readonly #options: RedisServerOptions
  readonly #removeFolder: () => void
  #child: ChildProcess | undefined

  private constructor(port: number, folder: string, options: RedisServerOptions, removeFolder: () => void) {
    this.port = port
    this.folder = folder
    this.#options = options
    this.#removeFolder = removeFolder
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisProcess> {
    const folder = temporaryFolder('ogent-redis-')
    const redis = new RedisProcess(await freePort(), folder.path, options, () => folder[Symbol.dispose]())
    await redis.begin()
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Of a cluster's node. */
  get busPort(): number {
    const line = this.#options.config?.find((text) => text.startsWith('cluster-port '))
    return Number(line?.split(' ')[1])
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('redis-server does not run.')
    return pid
  }

  /** Starts it, with the data that it had before. */
  async begin(): Promise<void> {
    const program = programPath('redis-server')
    if (program === undefined) throw new Error('redis-server is not installed.')
    const config = join(this.folder, 'redis.conf')
    const lines = [
      'bind 127.0.0.1',
      `port ${this.port}`,
      `dir ${this.folder}`,
      'save ""',
      ...(this.#options.config ?? []),
      ...(this.#options.prepare?.(this.folder) ?? []),
    ]
    writeFileSync(config, `${lines.join('\n')}\n`)
    this.#child = spawn(program, [config], { stdio: ['ignore', 'pipe', 'pipe'] })
    await says(this.#child, 'Ready to accept connections')
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Ends it, by this signal, and waits until it is gone; the data stay. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'close')
    child.kill(signal)
    await gone
  }

  /** Keeps its append-only file as it is now, for `loseSince`, once all that was acknowledged is in it. */
  async mark(): Promise<void> {
    using client = this.client()
    await until('Redis has written its file', async () =>
      /^aof_buffer_length:0\r?$/m.test(await client.info('persistence')),
    )
    rmSync(this.#marked, { recursive: true, force: true })
    cpSync(this.#appendOnly, this.#marked, { recursive: true })
  }

  /**
   * kill -9, and back without what it has acknowledged since the mark: as one whose disk was busy, which then puts off
   * writing for up to 2 s. `whileAway` runs in between.
   */
  async loseSince(whileAway: () => Promise<void> = async () => {}): Promise<void> {
    await this.end('SIGKILL')
    await whileAway()
    rmSync(this.#appendOnly, { recursive: true })
    cpSync(this.#marked, this.#appendOnly, { recursive: true })
    await this.begin()
  }

  get #appendOnly(): string {
    return join(this.folder, 'appendonlydir')
  }

  get #marked(): string {
    return join(this.folder, 'marked')
  }

  /** A connection for a test's own questions. */
  client(): Redis & Disposable {
    const client = new Redis(this.port, '127.0.0.1')
    return Object.assign(client, { [Symbol.dispose]: () => client.disconnect() })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGCONT')
    await this.end()
    this.#removeFolder()
  }
}

/**
 * A port that a process may have again after its restart: it has to be the same one. From below those that outgoing
 * connections take by themselves, any of which could have it meanwhile.
 */
export async function freePort(): Promise<number> {
  while (true) {
    const port = randomInt(10_000, 32_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/** A sentinel that watches over one master, and is enough of a quorum. */
export class RedisSentinelProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #removeFolder: () => void

  private constructor(port: number, child: ChildProcess, removeFolder: () => void) {
    this.port = port
    this.#child = child
    this.#removeFolder = removeFolder
  }

  static async start(name: string, master: RedisProcess): Promise<RedisSentinelProcess> {
    const folder = temporaryFolder('ogent-sentinel-')
    const port = await freePort()
    const config = join(folder.path, 'sentinel.conf')
    const lines = [
      'bind 127.0.0.1',
      `port ${port}`,
      `dir ${folder.path}`,
      `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 2000`,
    ]
    writeFileSync(config, `${lines.join('\n')}\n`)
    const program = programPath('redis-server')
    if (program === undefined) throw new Error('redis-server is not installed.')
    const child = spawn(program, [config, '--sentinel'], { stdio: ['ignore', 'pipe', 'pipe'] })
    await says(child, '+slave ')
    return new RedisSentinelProcess(port, child, () => folder[Symbol.dispose]())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await gone
    this.#removeFolder()
  }
}

/** Waits until a server has printed these words. */
async function says(child: ChildProcess, words: string): Promise<void> {
  let said = ''
  child.stderr?.resume()
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (data) => {
      if (said.includes(words)) return
      said += data
      if (said.includes(words)) resolve()
    })
    child.once('error', reject)
    child.once('close', () => reject(new Error(`redis-server ended:\n${said}`)))
  })
}

/** Three masters that share the slots, on loopback. */
export class RedisClusterProcesses {
  readonly #nodes: RedisProcess[]

  private constructor(nodes: RedisProcess[]) {
    this.#nodes = nodes
  }

  static async start(): Promise<RedisClusterProcesses> {
    const nodes: RedisProcess[] = []
    for (let n = 0; n < 3; n++) {
      // The port of a cluster's bus is not the standard one, which may lie beyond 65535.
      const config = ['cluster-enabled yes', `cluster-port ${await freePort()}`, 'cluster-node-timeout 5000']
      nodes.push(await RedisProcess.start({ config }))
    }
    const cluster = new RedisClusterProcesses(nodes)
    const [first, ...others] = nodes
    if (!first) throw new Error('A cluster has nodes.')
    using client = first.client()
    for (const [n, node] of nodes.entries()) {
      using own = node.client()
      const from = Math.floor((16384 * n) / 3)
      const to = Math.floor((16384 * (n + 1)) / 3) - 1
      await own.call('cluster', 'addslotsrange', from, to)
      await own.call('cluster', 'set-config-epoch', n + 1)
    }
    for (const { port, busPort } of others) await client.call('cluster', 'meet', '127.0.0.1', port, busPort)
    await until('the cluster is whole', async () => {
      const states = await Promise.all(
        nodes.map(async (node) => {
          using own = node.client()
          return String(await own.call('cluster', 'info'))
        }),
      )
      return states.every((state) => /cluster_state:ok/.test(state) && /cluster_known_nodes:3/.test(state))
    })
    return cluster
  }

  get url(): string {
    return `redis+cluster://${this.#nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  }

  async flush(): Promise<void> {
    for (const node of this.#nodes) {
      using client = node.client()
      await client.flushall()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node[Symbol.asyncDispose]()))
  }
}
