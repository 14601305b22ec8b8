import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { processesOf, until } from '../../support/processes.js'
import { repository } from '../../support/samples.js'
import { needs } from '../../support/services.js'
import { accounts, type System, startSystem } from '../../support/system.js'

/** A user without rights, as agents are to run; root can read any process. */
const NOBODY = 65534
const skip = needs('setpriv') || process.getuid?.() !== 0

/** An agent as a user without rights. */
class OrdinaryAgent {
  log = ''
  readonly #child: ChildProcess

  constructor(system: System, agent_id: string) {
    const folder = join(system.folder, agent_id)
    mkdirSync(folder, { recursive: true })
    chmodSync(system.folder, 0o711)
    chownSync(folder, NOBODY, NOBODY)
    const args = [
      '--reuid',
      `${NOBODY}`,
      '--regid',
      `${NOBODY}`,
      '--clear-groups',
      '--inh-caps=-all',
      '--bounding-set=-all',
    ]
    const main = join(repository, 'dist/cli/main.js')
    this.#child = spawn('setpriv', [...args, process.execPath, main, 'agent'], {
      cwd: '/',
      env: {
        PATH: process.env.PATH,
        HOME: '/',
        CONTROLLER_URL: system.url,
        AGENT_USERNAME: accounts.agent.username,
        AGENT_PASSWORD: accounts.agent.password,
        AGENT_ID: agent_id,
        AGENT_STATE_DIR: folder,
        KILL_GRACE_SECONDS: '1',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (!this.#child.stderr) throw new Error('An agent is spawned with a pipe for its log.')
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.log += `${line}\n`
    })
  }

  async says(text: string): Promise<void> {
    await until(`it says ${text}`, () => this.log.includes(text))
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill(signal)
    await once(this.#child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }
}

describe.skipIf(skip)('an agent of an ordinary user', () => {
  let system: System
  beforeAll(async () => {
    system = await startSystem({ agent: false })
  })
  afterAll(() => system[Symbol.asyncDispose]())

  const outputOf = async (agent_id: string, command: string) => {
    const { stdout, stderr } = await system.client().execute({ agent_id, command })
    return { stdout, stderr }
  }

  test('keeps its environment and memory from its commands, which run as the same user', async () => {
    await using agent = new OrdinaryAgent(system, 'private')
    await agent.says('registered with the controller')
    expect((await outputOf('private', 'id -u; cat /proc/self/environ | wc -c')).stdout).toMatch(
      /^65534\n[1-9]/,
    )
    for (const file of ['environ', 'mem', 'maps']) {
      const { stdout, stderr } = await outputOf('private', `head -c 1 /proc/$PPID/${file}`)
      expect({ file, stdout, stderr }).toEqual({
        file,
        stdout: '',
        stderr: expect.stringContaining('Permission denied'),
      })
    }
    expect((await outputOf('private', 'ls /proc/$PPID/fd')).stderr).toContain('Permission denied')
  })

  test('ends what its commands run in sessions of their own, and locks its folder', async () => {
    await using agent = new OrdinaryAgent(system, 'holding')
    await agent.says('registered with the controller')
    const run = system.client().execute({
      agent_id: 'holding',
      command: 'setsid sleep 3000 >/dev/null 2>&1 & echo ready; exec sleep 3001',
    })
    for await (const chunk of run.stdout) if (chunk.includes('ready')) break
    await until('both run', () => processesOf(run.command_id).length === 2)
    await using second = new OrdinaryAgent(system, 'holding')
    await second.says('is in use by the agent with process id')
    // The folder of a killed agent is free at once, and what it left behind is found.
    await agent.end('SIGKILL')
    await using next = new OrdinaryAgent(system, 'holding')
    await next.says('registered with the controller')
    expect(await run).toMatchObject({ status: 'lost' })
    expect(processesOf(run.command_id)).toEqual([])
    const again = system
      .client()
      .execute({ agent_id: 'holding', command: 'setsid sleep 3000 >/dev/null 2>&1 & exec sleep 3001' })
    await until('both run', () => processesOf(again.command_id).length === 2)
    await again.cancel()
    expect(await again).toMatchObject({ status: 'cancelled' })
    expect(processesOf(again.command_id)).toEqual([])
  })

  test('gives its commands their limits', async () => {
    await using agent = new OrdinaryAgent(system, 'limits')
    await agent.says('registered with the controller')
    // Many, because a process that has just started is closed to its agent for a moment.
    const outputs = await Promise.all(
      Array.from({ length: 64 }, () =>
        outputOf('limits', 'sleep 0.5; cat /proc/self/oom_score_adj; echo x > /dev/stderr'),
      ),
    )
    for (const { stdout, stderr } of outputs) {
      expect(Number(stdout)).toBeGreaterThanOrEqual(500)
      expect(stderr).toBe('x\n')
    }
  })
})
