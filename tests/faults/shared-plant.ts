import { join } from 'node:path'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { temporaryFolder } from '../support/folder.js'
import { processesOf } from '../support/processes.js'
import { TcpProxy } from '../support/proxy.js'
import { freePort, RedisProcess } from '../support/redis.js'
import { Role } from '../support/roles.js'
import { AGENT_ID, credentials, RESULT_LIMIT, START_MS } from './plant.js'

type Options = {
  /** Lines of the configuration of Redis. */
  redis?: string[]
  controller?: Record<string, string>
}

/**
 * Two controllers on one Redis, and an agent, all as real processes. Agent and SDK come by proxies that do what a
 * load balancer does: a new connection goes to a controller that lives, by turns, unless a test says to which.
 */
export class SharedPlant {
  readonly redis: RedisProcess
  /** Between the controllers and Redis. */
  readonly redisProxy: TcpProxy
  readonly folder: string
  readonly controllers: Role[] = []
  agentProxy!: TcpProxy
  sdkProxy!: TcpProxy
  agent!: Role
  /** The controller that new connections of the agent go to; undefined: by turns. */
  agentTarget: number | undefined
  sdkTarget: number | undefined
  /** The controller that new connections of the agent go to while it lives, as with a balancer that has a favourite. */
  agentFavourite: number | undefined
  readonly #ports: number[]
  readonly #options: Options
  readonly #clients: OgentClient[] = []
  readonly #roles: Role[] = []
  readonly #removeFolder: () => void
  #turn = 0

  private constructor(
    redis: RedisProcess,
    redisProxy: TcpProxy,
    ports: number[],
    options: Options,
    folder: string,
    remove: () => void,
  ) {
    this.redis = redis
    this.redisProxy = redisProxy
    this.#ports = ports
    this.#options = options
    this.folder = folder
    this.#removeFolder = remove
  }

  static async start(options: Options = {}): Promise<SharedPlant> {
    const folder = temporaryFolder('ogent-shared-')
    const config = ['appendonly yes', 'appendfsync everysec', ...(options.redis ?? [])]
    const redis = await RedisProcess.start({ config })
    const redisProxy = await TcpProxy.start(() => redis.port, { raw: true })
    const ports = [await freePort(), await freePort()]
    const remove = () => folder[Symbol.dispose]()
    const plant = new SharedPlant(redis, redisProxy, ports, options, folder.path, remove)
    plant.agentProxy = await TcpProxy.start(() => plant.#portFor(plant.agentTarget, plant.agentFavourite))
    plant.sdkProxy = await TcpProxy.start(() => plant.#portFor(plant.sdkTarget))
    try {
      for (const index of ports.keys()) plant.startController(index)
      await Promise.all(plant.controllers.map((controller) => controller.says(/^Ogent controller on/)))
      plant.agentTarget = 0
      plant.startAgent()
      await plant.agent.says(/registered with the controller/)
      plant.agentTarget = undefined
    } catch (error) {
      await plant[Symbol.asyncDispose]()
      throw error
    }
    return plant
  }

  startController(index: number): void {
    this.controllers[index] = this.#keep(
      Role.controller({
        PORT: String(this.#ports[index]),
        REDIS_URL: `redis://127.0.0.1:${this.redisProxy.port}`,
        SECRET_KEY: 'the-key-of-all-controllers-of-a-test',
        ADMIN_USERNAME: credentials.username,
        ADMIN_PASSWORD: credentials.password,
        COMMAND_GUARD: 'off',
        ...this.#options.controller,
      }),
    )
  }

  startAgent(): void {
    this.agent = this.#keep(
      Role.agent({
        CONTROLLER_URL: this.agentProxy.url,
        AGENT_USERNAME: credentials.username,
        AGENT_PASSWORD: credentials.password,
        AGENT_ID,
        AGENT_STATE_DIR: join(this.folder, 'agent'),
        RECONNECT_DELAY: '0.1',
        KILL_GRACE_SECONDS: '1',
      }),
    )
  }

  controller(index: number): Role {
    const role = this.controllers[index]
    if (!role) throw new Error(`There is no controller ${index}.`)
    return role
  }

  url(index: number): string {
    return `http://127.0.0.1:${this.#ports[index]}`
  }

  /** Every controller that lives, past the proxies. */
  get urls(): string[] {
    return [...this.#ports.keys()].filter((index) => this.controllers[index]?.running).map((n) => this.url(n))
  }

  get resultLimit(): number {
    return Number(this.#options.controller?.MAX_RESULT_OUTPUT_BYTES ?? RESULT_LIMIT)
  }

  /** A controller that lives, past the proxies. */
  get directUrl(): string {
    return `http://127.0.0.1:${this.#portFor(undefined)}`
  }

  client(url = this.sdkProxy.url): OgentClient {
    const client = createOgentClient({ url, ...credentials, connectTimeoutMs: START_MS })
    this.#clients.push(client)
    return client
  }

  async token(index: number): Promise<string> {
    const reply = await fetch(`${this.url(index)}/token`, {
      method: 'POST',
      body: new URLSearchParams(credentials),
    })
    const { access_token } = (await reply.json()) as { access_token: string }
    return access_token
  }

  /** Ends what an agent that was killed, and is not started again, left running. */
  endLeftBehind(command_id: string): void {
    for (const pid of processesOf(command_id)) process.kill(pid, 'SIGKILL')
  }

  get logs(): string {
    const controllers = this.controllers.map((role, index) => `controller ${index}:\n${role.log}`)
    return [...controllers, `agent:\n${this.agent.log}`].join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.signal('SIGCONT')
    for (const client of this.#clients) await client.close()
    await Promise.all(this.#roles.map((role) => role[Symbol.asyncDispose]()))
    for (const proxy of [this.agentProxy, this.sdkProxy, this.redisProxy]) await proxy[Symbol.asyncDispose]()
    await this.redis[Symbol.asyncDispose]()
    this.#removeFolder()
  }

  #portFor(target: number | undefined, favourite?: number): number {
    const alive = [...this.#ports.keys()].filter((index) => this.controllers[index]?.running)
    this.#turn += 1
    const first = favourite !== undefined && alive.includes(favourite) ? favourite : undefined
    const index = target ?? first ?? alive[this.#turn % Math.max(alive.length, 1)] ?? 0
    return this.#ports[index] ?? 0
  }

  #keep(role: Role): Role {
    this.#roles.push(role)
    return role
  }
}
