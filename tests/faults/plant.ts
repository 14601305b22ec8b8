import { join } from 'node:path'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { temporaryFolder } from '../support/folder.js'
import { until } from '../support/processes.js'
import { TcpProxy } from '../support/proxy.js'
import { freePort } from '../support/redis.js'
import { Role } from '../support/roles.js'

export const AGENT_ID = 'agent-1'
export const credentials = { username: 'admin', password: 'faults-pass-1' }

/** Several plants start at once, each of some processes: that takes a while on few cores. */
export const START_MS = 120_000

/** MAX_RESULT_OUTPUT_BYTES where a test does not set it. */
export const RESULT_LIMIT = 1024 * 1024

type PlantOptions = {
  /** Settings of the controller, by their names in the environment. */
  controller?: Record<string, string>
  agent?: Record<string, string>
}

/**
 * A controller and an agent as real processes, with a proxy of our own before each of the controller's two
 * kinds of peers. Either may be killed and started again: data folders and ports stay.
 */
export class Plant {
  /** Between the agent and the controller. */
  readonly agentProxy: TcpProxy
  /** Between the SDK and the controller. */
  readonly sdkProxy: TcpProxy
  readonly folder: string
  controller: Role
  #agent: Role | undefined
  readonly #port: number
  readonly #options: PlantOptions
  readonly #clients: OgentClient[] = []
  readonly #roles: Role[] = []
  readonly #removeFolder: () => void

  private constructor(made: {
    agentProxy: TcpProxy
    sdkProxy: TcpProxy
    port: number
    options: PlantOptions
    folder: string
    removeFolder: () => void
  }) {
    this.agentProxy = made.agentProxy
    this.sdkProxy = made.sdkProxy
    this.#port = made.port
    this.#options = made.options
    this.folder = made.folder
    this.#removeFolder = made.removeFolder
    this.controller = this.#spawnController()
  }

  static async start(options: PlantOptions = {}): Promise<Plant> {
    const folder = temporaryFolder('ogent-faults-')
    const port = await freePort()
    const [agentProxy, sdkProxy] = await Promise.all([TcpProxy.start(() => port), TcpProxy.start(() => port)])
    const removeFolder = () => folder[Symbol.dispose]()
    const plant = new Plant({ agentProxy, sdkProxy, port, options, folder: folder.path, removeFolder })
    try {
      await plant.controllerReady()
      plant.startAgent()
      await plant.agentRegistered()
    } catch (error) {
      await plant[Symbol.asyncDispose]()
      throw error
    }
    return plant
  }

  /** The controller itself, past the proxies. */
  get directUrl(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get urls(): string[] {
    return [this.directUrl]
  }

  get resultLimit(): number {
    return Number(this.#options.controller?.MAX_RESULT_OUTPUT_BYTES ?? RESULT_LIMIT)
  }

  /** An SDK client, through its proxy unless told otherwise. */
  client(url = this.sdkProxy.url): OgentClient {
    const client = createOgentClient({ url, ...credentials, connectTimeoutMs: START_MS })
    this.#clients.push(client)
    return client
  }

  async token(): Promise<string> {
    const body = new URLSearchParams(credentials)
    const reply = await fetch(`${this.directUrl}/token`, { method: 'POST', body })
    const { access_token } = (await reply.json()) as { access_token: string }
    return access_token
  }

  get agent(): Role {
    if (!this.#agent) throw new Error('The agent is started after the controller.')
    return this.#agent
  }

  startController(): void {
    this.controller = this.#spawnController()
  }

  startAgent(): void {
    this.#agent = this.spawnAgent()
  }

  /** Until this controller process listens. */
  async controllerReady(): Promise<void> {
    await this.controller.says(/^Ogent controller on/)
  }

  /** Until this agent process has registered, by its own word. */
  async agentRegistered(): Promise<void> {
    await this.agent.says(/registered with the controller/)
  }

  /** Until the controller says that the agent is there. */
  async agentConnected(): Promise<void> {
    const ogent = this.client(this.directUrl)
    await until('the agent is connected', async () => (await this.#status(ogent)) === 'connected')
    await ogent.close()
  }

  async agentGone(ms = 60_000): Promise<void> {
    const ogent = this.client(this.directUrl)
    await until('the agent is away', async () => (await this.#status(ogent)) === 'disconnected', ms)
    await ogent.close()
  }

  /** One more agent process, by default the same agent again. */
  spawnAgent(env: Record<string, string> = {}): Role {
    return this.#keep(
      Role.agent({
        CONTROLLER_URL: this.agentProxy.url,
        AGENT_USERNAME: credentials.username,
        AGENT_PASSWORD: credentials.password,
        AGENT_ID,
        AGENT_STATE_DIR: join(this.folder, 'agent'),
        RECONNECT_DELAY: '0.1',
        KILL_GRACE_SECONDS: '1',
        ...this.#options.agent,
        ...env,
      }),
    )
  }

  /** What both sides logged last, for the message of a failed check. */
  get logs(): string {
    return `controller:\n${this.controller.log}\nagent:\n${this.#agent?.log}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close()
    await Promise.all(this.#roles.map((role) => role[Symbol.asyncDispose]()))
    await this.agentProxy[Symbol.asyncDispose]()
    await this.sdkProxy[Symbol.asyncDispose]()
    this.#removeFolder()
  }

  async #status(ogent: OgentClient): Promise<string | undefined> {
    const agents = await ogent.agents.list()
    return agents.find(({ agent_id }) => agent_id === AGENT_ID)?.status
  }

  #spawnController(): Role {
    return this.#keep(
      Role.controller({
        PORT: String(this.#port),
        DATA_DIR: join(this.folder, 'controller'),
        ADMIN_USERNAME: credentials.username,
        ADMIN_PASSWORD: credentials.password,
        COMMAND_GUARD: 'off',
        ...this.#options.controller,
      }),
    )
  }

  #keep(role: Role): Role {
    this.#roles.push(role)
    return role
  }
}
