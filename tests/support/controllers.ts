import { join } from 'node:path'
import { type AgentHandle, type AgentOptions, createAgent } from '../../src/agent/app.js'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { type Controller, createController } from '../../src/server/app.js'
import type { ControllerSettings } from '../../src/server/config.js'
import { temporaryFolder } from './folder.js'
import { accounts, accountsBeside, silent } from './system.js'

export const SECRET_KEY = 'the-key-of-all-controllers-of-a-test'

type Options = { settings?: Partial<ControllerSettings>; count?: number }

/** Controllers that share a Redis, in this process, with agents at any of them; `await using` ends all. */
export class Controllers {
  readonly all: Controller[] = []
  readonly folder: string
  readonly #url: string
  readonly #settings: Partial<ControllerSettings>
  readonly #agents: AgentHandle[] = []
  readonly #clients: OgentClient[] = []
  readonly #removeFolder: () => void

  private constructor(url: string, settings: Partial<ControllerSettings>) {
    const folder = temporaryFolder()
    this.#url = url
    this.#settings = settings
    this.folder = folder.path
    this.#removeFolder = () => folder[Symbol.dispose]()
  }

  static async start(redisUrl: string, { settings = {}, count = 2 }: Options = {}): Promise<Controllers> {
    const controllers = new Controllers(redisUrl, settings)
    await Promise.all(Array.from({ length: count }, () => controllers.add()))
    return controllers
  }

  async add(): Promise<Controller> {
    const controller = await createController({
      settings: {
        PORT: 0,
        REDIS_URL: this.#url,
        SECRET_KEY,
        ...this.#settings,
      },
      users: accountsBeside(this.#settings),
      log: silent,
    })
    this.all.push(controller)
    return controller
  }

  url(index: number): string {
    const controller = this.all[index]
    if (!controller) throw new Error(`There is no controller ${index}.`)
    return controller.url
  }

  /** A client of one controller. */
  client(index: number, role: keyof typeof accounts = 'operator'): OgentClient {
    const { username, password } = accounts[role]
    const client = createOgentClient({ url: this.url(index), username, password })
    this.#clients.push(client)
    return client
  }

  /** An agent at one controller, registered. */
  async agent(
    index: number,
    agent_id: string,
    settings: Partial<AgentOptions['settings']> = {},
  ): Promise<AgentHandle> {
    const agent = await this.#agent(this.url(index), agent_id, agent_id, silent, settings)
    await agent.registered
    return agent
  }

  /** A second process of an agent that is connected already: what it logs as the reason why it is not let in. */
  async refusedAgent(index: number, agent_id: string): Promise<string> {
    let refused: (why: string) => void = () => {}
    const why = new Promise<string>((resolve) => {
      refused = resolve
    })
    const warn = (fields: object) => {
      if ('cause' in fields) refused(JSON.stringify(fields))
    }
    const log = { debug() {}, info() {}, error() {}, warn }
    const agent = await this.#agent(this.url(index), agent_id, `${agent_id}-second`, log)
    const said = await why
    await agent.stop({ drainMs: 0 })
    return said
  }

  async #agent(
    url: string,
    agent_id: string,
    folder: string,
    log: AgentOptions['log'],
    settings: Partial<AgentOptions['settings']> = {},
  ): Promise<AgentHandle> {
    const agent = await createAgent({
      settings: {
        CONTROLLER_URL: url,
        AGENT_USERNAME: accounts.agent.username,
        AGENT_PASSWORD: accounts.agent.password,
        AGENT_ID: agent_id,
        AGENT_STATE_DIR: join(this.folder, folder),
        RECONNECT_DELAY: 0.05,
        KILL_GRACE_SECONDS: 1,
        ...settings,
      },
      ...(log ? { log } : {}),
    })
    this.#agents.push(agent)
    return agent
  }

  async token(index: number, role: keyof typeof accounts = 'operator'): Promise<string> {
    const { username, password } = accounts[role]
    const body = new URLSearchParams({ username, password })
    const reply = await fetch(`${this.url(index)}/token`, { method: 'POST', body })
    const { access_token } = (await reply.json()) as { access_token: string }
    return access_token
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close()
    await Promise.all(this.#agents.map((agent) => agent.stop({ drainMs: 0 })))
    await Promise.all(this.all.map((controller) => controller.close()))
    this.#removeFolder()
  }
}
