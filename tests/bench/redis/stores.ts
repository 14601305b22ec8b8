import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { BenchProcess } from '../process.js'
import { type OgentPlace, startBenchAgents, startOgentAgent, startOgentController } from '../systems/ogent.js'
import { type Stage, startDriver } from '../systems/system.js'

export const storeNames = {
  embedded: 'embedded store',
  one: 'Redis, one controller',
  two: 'Redis, two controllers',
} as const
export type StoreName = keyof typeof storeNames

/** Controllers on one store, an agent that starts processes, one that starts none, and a caller. */
export type StoreSystem = { name: StoreName; driver: BenchProcess; roots: number[] }

/** A redis-server that writes its file as docker/redis.conf has it. */
export class BenchRedis {
  readonly url: string
  readonly pid: number
  readonly #client: Redis

  private constructor(port: number, pid: number) {
    this.url = `redis://127.0.0.1:${port}`
    this.pid = pid
    this.#client = new Redis(port, '127.0.0.1')
  }

  static async start({ processes, workshop }: Stage): Promise<BenchRedis> {
    const port = await freePort()
    const dir = workshop.data('redis')
    const file = join(dir, 'redis.conf')
    const like = ['save ""', 'appendonly yes', 'appendfsync everysec', 'stream-node-max-bytes 1024']
    writeFileSync(file, [`bind 127.0.0.1`, `port ${port}`, `dir ${dir}`, ...like, ''].join('\n'))
    const server = await processes.start({ name: 'redis-server', program: 'redis-server', args: [file] })
    await server.printed(/Ready to accept connections/)
    return new BenchRedis(port, server.pid)
  }

  async usedBytes(): Promise<number> {
    return Number((await this.#client.info('memory')).match(/used_memory:(\d+)/)?.[1])
  }

  close(): void {
    this.#client.disconnect()
  }
}

/** With two controllers the agents are at one and the caller at the other: the longer way. */
export async function startStore(
  stage: Stage,
  name: StoreName,
  redis: BenchRedis,
  agents: { real: string; noSpawn: string },
): Promise<StoreSystem> {
  const SECRET_KEY = 'the key of all controllers of this bench'
  const env = name === 'embedded' ? {} : { REDIS_URL: redis.url, SECRET_KEY, ADMIN_PASSWORD: SECRET_KEY }
  const started = [await startOgentController(stage, name, [], env)]
  if (name === 'two') started.push(await startOgentController(stage, `${name} b`, [], env))
  const places = started.map(({ place }): OgentPlace => {
    return name === 'embedded' ? place : { ...place, password: SECRET_KEY }
  })
  const [near] = places
  const far = places.at(-1)
  if (!near || !far) throw new Error('A store has a controller at least.')
  const real = await startOgentAgent(stage, near, agents.real)
  const noSpawn = await startBenchAgents(stage, 'no-spawn-agent', near, [agents.noSpawn], `agents-${name}`)
  const driver = await startDriver(stage, { peer: 'ogent', ...far }, name)
  const roots = [driver, real, noSpawn, ...started.map(({ controller }) => controller)].map(({ pid }) => pid)
  return { name, driver, roots: name === 'embedded' ? roots : [...roots, redis.pid] }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
