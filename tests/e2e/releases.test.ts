import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { unpackedRelease } from '../support/consumer.js'
import { temporaryFolder } from '../support/folder.js'
import { TcpProxy } from '../support/proxy.js'
import { freePort } from '../support/redis.js'
import { Role } from '../support/roles.js'
import { repository } from '../support/samples.js'

vi.setConfig({ testTimeout: 600_000 })

const START_MS = 120_000
const credentials = { username: 'admin', password: 'admin-pass-of-releases' }

const home = temporaryFolder('ogent-release-')
afterAll(() => home[Symbol.dispose]())
/** The last version whose link speaks the first protocol alone. */
const before = unpackedRelease(join(repository, 'tests/fixtures/ogent-link-protocol-1.tgz'), home.path)
const today = join(repository, 'dist/cli/main.js')

/** A controller and an agent of any two versions, as processes, with a proxy between them. */
class Mixed implements AsyncDisposable {
  controller!: Role
  readonly #folder = temporaryFolder('ogent-mixed-')
  readonly #port: number
  readonly #proxy: TcpProxy
  readonly #roles: Role[] = []
  readonly #clients: OgentClient[] = []

  private constructor(port: number, proxy: TcpProxy) {
    this.#port = port
    this.#proxy = proxy
  }

  static async start(controllerMain: string, agentMain: string): Promise<Mixed> {
    const port = await freePort()
    const mixed = new Mixed(port, await TcpProxy.start(() => port))
    try {
      await mixed.#begin(controllerMain, agentMain)
    } catch (error) {
      await mixed[Symbol.asyncDispose]()
      throw error
    }
    return mixed
  }

  async #begin(controllerMain: string, agentMain: string): Promise<void> {
    await this.startController(controllerMain)
    const agent = Role.agent(
      {
        CONTROLLER_URL: this.#proxy.url,
        AGENT_USERNAME: credentials.username,
        AGENT_PASSWORD: credentials.password,
        AGENT_ID: 'web-1',
        AGENT_STATE_DIR: join(this.#folder.path, 'agent'),
        RECONNECT_DELAY: '0.1',
      },
      agentMain,
    )
    this.#roles.push(agent)
    await agent.says(/registered with the controller/)
  }

  async startController(main: string): Promise<void> {
    this.controller = Role.controller(
      {
        PORT: String(this.#port),
        DATA_DIR: join(this.#folder.path, 'controller'),
        ADMIN_USERNAME: credentials.username,
        ADMIN_PASSWORD: credentials.password,
      },
      main,
    )
    this.#roles.push(this.controller)
    await this.controller.says(/^Ogent controller on/)
  }

  client(): OgentClient {
    const client = createOgentClient({
      url: `http://127.0.0.1:${this.#port}`,
      ...credentials,
      connectTimeoutMs: START_MS,
    })
    this.#clients.push(client)
    return client
  }

  cutAgent(): void {
    this.#proxy.cut('rst')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close()
    for (const role of this.#roles) await role[Symbol.asyncDispose]()
    await this.#proxy[Symbol.asyncDispose]()
    this.#folder[Symbol.dispose]()
  }
}

/** Half a megabyte, a pause, the other half, some stderr and an exit code. */
const WORK = 'seq 1 80000; sleep 1; seq 80001 160000; echo done >&2; exit 7'
const WRITTEN = Array.from({ length: 160_000 }, (_, n) => `${n + 1}\n`).join('')

async function checkWork(ogent: OgentClient, disturb: () => Promise<void> | void): Promise<void> {
  const run = ogent.execute({ agent_id: 'web-1', command: WORK })
  const hash = createHash('sha256')
  let disturbed: Promise<void> | undefined
  for await (const chunk of run.stdout) {
    hash.update(chunk)
    disturbed ??= Promise.resolve(disturb())
  }
  await disturbed
  expect(await run).toMatchObject({ status: 'error', exit_code: 7, stderr: 'done\n' })
  expect(hash.digest('hex')).toBe(createHash('sha256').update(WRITTEN).digest('hex'))
}

describe.each([
  ["today's controller and the agent before", today, before],
  ["the controller before and today's agent", before, today],
])('%s', (_what, controllerMain, agentMain) => {
  test('run commands through cut links and killed controllers, and end them by cancel and time limit', async () => {
    await using mixed = await Mixed.start(controllerMain, agentMain)
    const ogent = mixed.client()
    await checkWork(ogent, () => {})
    await checkWork(ogent, () => mixed.cutAgent())
    await checkWork(ogent, async () => {
      await mixed.controller.kill()
      await mixed.startController(controllerMain)
    })
    const limited = await ogent.execute({ agent_id: 'web-1', command: 'sleep 300', timeout_seconds: 0.5 })
    expect(limited.status).toBe('timeout')
    const run = ogent.execute({ agent_id: 'web-1', command: 'echo on; sleep 300' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    await run.cancel()
    expect(await run).toMatchObject({ status: 'cancelled', stdout: 'on\n' })
  })
})

test('a controller that is updated in place keeps the agents, the history and the open commands of the one before', async () => {
  await using mixed = await Mixed.start(before, before)
  const ogent = mixed.client()
  const { command_id } = await ogent.execute({ agent_id: 'web-1', command: 'echo kept' })
  await checkWork(ogent, async () => {
    await mixed.controller.kill()
    await mixed.startController(today)
  })
  const { status, result } = await ogent.commands.get(command_id)
  expect({ status, stdout: result?.stdout }).toEqual({ status: 'success', stdout: 'kept\n' })
  const agents = await ogent.agents.list()
  expect(agents).toMatchObject([{ agent_id: 'web-1', protocol: 1, features: [] }])
})
