import { scryptSync } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { type AgentHandle, type AgentOptions, createAgent } from '../../src/agent/app.js'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { type Account, type Controller, createController, type GivenAccount } from '../../src/server/app.js'
import type { ControllerSettings } from '../../src/server/config.js'
import { temporaryFolder } from './folder.js'

/** The accounts that every test controller has, by role. */
export const accounts = {
  admin: { username: 'admin', password: 'admin-pass-1', role: 'admin' },
  operator: { username: 'olga', password: 'operator-pass-1', role: 'operator' },
  viewer: { username: 'victor', password: 'viewer-pass-1', role: 'viewer' },
  agent: { username: 'agents', password: 'agent-pass-1', role: 'agent' },
} as const satisfies Record<string, Account>

/**
 * What a controller of the tests is given: hashes that take no time. A real one takes a quarter of a second of a
 * processor, and a suite starts hundreds of controllers.
 */
const hashedAccounts = Object.values(accounts).map(({ username, password, role }) => {
  const cost = { N: 2, r: 1, p: 1 }
  const key = scryptSync(password, 'salt', 32, cost)
  const [salt, hash] = [Buffer.from('salt'), key].map((bytes) => bytes.toString('base64url'))
  return { username, role, password_hash: `scrypt$${cost.N}$${cost.r}$${cost.p}$${salt}$${hash}` }
})

/** Without the admin where the settings have one. */
export function accountsBeside(settings: Partial<ControllerSettings> = {}): GivenAccount[] {
  return hashedAccounts.filter(({ role }) => role !== 'admin' || settings.ADMIN_PASSWORD === undefined)
}

export const silent = pino({ level: 'silent' })

type SystemOptions = {
  controller?: Partial<ControllerSettings>
  /** Settings of the agent; `false`: no agent. */
  agent?: Partial<AgentOptions['settings']> | false
}

/** A controller and an agent in this process, on a real port, with real children; `await using` ends all. */
export async function startSystem(options: SystemOptions = {}) {
  const folder = temporaryFolder()
  const controller = await createController({
    settings: {
      PORT: 0,
      DATA_DIR: join(folder.path, 'controller'),
      ...options.controller,
    },
    users: accountsBeside(options.controller),
    log: silent,
  })
  const agents: AgentHandle[] = []
  const clients: OgentClient[] = []
  const system = new System(folder.path, controller, agents, clients, () => folder[Symbol.dispose]())
  if (options.agent !== false) await system.addAgent('agent-1', options.agent)
  return system
}

export class System {
  constructor(
    readonly folder: string,
    readonly controller: Controller,
    readonly agents: AgentHandle[],
    readonly clients: OgentClient[],
    readonly removeFolder: () => void,
  ) {}

  get url(): string {
    return this.controller.url
  }

  /** Adds an agent and waits until it is registered. */
  async addAgent(agent_id: string, settings: Partial<AgentOptions['settings']> = {}): Promise<AgentHandle> {
    const agent = await createAgent({
      settings: {
        CONTROLLER_URL: this.url,
        AGENT_USERNAME: accounts.agent.username,
        AGENT_PASSWORD: accounts.agent.password,
        AGENT_ID: agent_id,
        AGENT_STATE_DIR: join(this.folder, agent_id),
        RECONNECT_DELAY: 0.05,
        KILL_GRACE_SECONDS: 1,
        ...settings,
      },
      log: silent,
    })
    this.agents.push(agent)
    await agent.registered
    return agent
  }

  client(role: keyof typeof accounts = 'operator'): OgentClient {
    const { username, password } = accounts[role]
    const client = createOgentClient({ url: this.url, username, password })
    this.clients.push(client)
    return client
  }

  async token(role: keyof typeof accounts): Promise<string> {
    const { username, password } = accounts[role]
    const reply = await fetch(`${this.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ username, password }),
    })
    const body = (await reply.json()) as { access_token: string }
    return body.access_token
  }

  /** A REST call with a role's token. */
  async fetch(
    path: string,
    role: keyof typeof accounts | undefined,
    init: RequestInit = {},
  ): Promise<Response> {
    const headers = new Headers(init.headers)
    if (role) headers.set('authorization', `Bearer ${await this.token(role)}`)
    if (typeof init.body === 'string' && !headers.has('content-type')) {
      headers.set('content-type', 'application/json')
    }
    return fetch(`${this.url}${path}`, { ...init, headers })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await client.close()
    await Promise.all(this.agents.map((agent) => agent.stop({ drainMs: 0 })))
    await this.controller.close()
    this.removeFolder()
  }
}
