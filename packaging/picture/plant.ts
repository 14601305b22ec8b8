import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

type Launch = typeof import('../../src/cli/session/launch.js')
type RoleProcess = InstanceType<Launch['RoleProcess']>

export type PlantAgent = { agent_id: string; labels: string }

/**
 * A controller and agents of the built package, each a process of its own on loopback, as `ogent demo` has them. Both
 * guards block, since a line that would erase this machine is typed.
 */
export class Plant implements AsyncDisposable {
  readonly #roles: RoleProcess[] = []
  readonly #password = randomBytes(18).toString('base64url')
  #url = ''

  /** Its folder is throw-away. */
  private constructor(readonly folder: string) {}

  /** `root` is the folder of this repository, as a URL. Resolves when the agents are connected. */
  static async start(root: URL, agents: PlantAgent[]): Promise<Plant> {
    const launch: Launch = await import(new URL('dist/cli/session/launch.js', root).href)
    const plant = new Plant(mkdtempSync(join(tmpdir(), 'ogent-picture-')))
    try {
      writeProgram(join(plant.folder, 'bin'), fileURLToPath(new URL('dist/cli/main.js', root)))
      await plant.#launch(launch, agents)
      return plant
    } catch (error) {
      await plant[Symbol.asyncDispose]()
      throw error
    }
  }

  /** For a shell in which `ogent` is the built one, and has a login here. */
  get shellEnv(): Record<string, string> {
    return {
      PATH: [join(this.folder, 'bin'), process.env.PATH].join(delimiter),
      HOME: this.folder,
      OGENT_URL: this.#url,
      OGENT_USERNAME: 'admin',
      OGENT_PASSWORD: this.#password,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const role of this.#roles.toReversed()) await role.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #launch({ RoleProcess, bareEnvironment }: Launch, agents: PlantAgent[]): Promise<void> {
    const common = { ...bareEnvironment(), LOG_LEVEL: 'error', LOG_FORMAT: 'text' }
    const controller = new RoleProcess('controller', {
      ...common,
      PORT: '0',
      DATA_DIR: join(this.folder, 'controller'),
      ADMIN_PASSWORD: this.#password,
      COMMAND_GUARD: 'block',
    })
    this.#roles.push(controller)
    const [, url = ''] = await controller.waitFor(/^Ogent controller on (\S+)$/)
    this.#url = url
    const started = agents.map(
      ({ agent_id, labels }) =>
        new RoleProcess('agent', {
          ...common,
          CONTROLLER_URL: url,
          AGENT_USERNAME: 'admin',
          AGENT_PASSWORD: this.#password,
          AGENT_ID: agent_id,
          AGENT_LABELS: labels,
          AGENT_STATE_DIR: join(this.folder, agent_id),
          AGENT_GUARD: 'block',
          NODE_OPTIONS: `--import=${stageNames(agent_id)}`,
        }),
    )
    this.#roles.push(...started)
    await Promise.all(started.map((agent) => agent.waitFor(/^Ogent agent /)))
  }
}

/** `ogent` as a program in a folder of its own. */
function writeProgram(folder: string, main: string): void {
  mkdirSync(folder)
  const program = join(folder, 'ogent')
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 })
}

/**
 * A module that an agent loads first. A picture that is published does not name the machine that it was made on: the agent
 * reports a host named after itself, and of the kernel's release the number alone.
 */
function stageNames(agent_id: string): string {
  const code = `import os from 'node:os'
import { syncBuiltinESMExports } from 'node:module'
const [release] = os.release().match(/^[0-9.]*/)
os.release = () => release
os.hostname = () => ${JSON.stringify(`${agent_id}.example.com`)}
syncBuiltinESMExports()`
  return `data:text/javascript,${encodeURIComponent(code)}`
}
