import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAgentProcess } from '../support/agent-process.js'
import { processesOf, until } from '../support/processes.js'
import type { Role } from '../support/roles.js'
import { Sshd, whyNoSshd } from '../support/sshd.js'
import { type System, startSystem } from '../support/system.js'

let system: System
/** What a test has started, and would leave behind where it fails. */
const started: string[] = []
beforeAll(async () => {
  system = await startSystem({ agent: false })
})
afterAll(async () => {
  for (const pid of started.flatMap(processesOf)) process.kill(pid, 'SIGKILL')
  await system[Symbol.asyncDispose]()
})

/** An agent as a process of its own, registered under this id. It gives what it ends half a minute. */
function startAgent(agent_id: string, env: Record<string, string> = {}): Promise<Role> {
  return startAgentProcess(system, agent_id, { KILL_GRACE_SECONDS: '30', ...env })
}

/** A command that ends by force alone, with a child that does so too; resolves when both run. */
async function startStubborn(agent_id: string) {
  const command =
    "trap '' TERM; (trap '' TERM; while :; do sleep 0.1; done) & echo ready; while :; do sleep 0.1; done"
  const run = system.client().execute({ agent_id, command })
  started.push(run.command_id)
  for await (const chunk of run.stdout) if (chunk.includes('ready')) break
  // A run is a promise of its end, which is not to be waited for here.
  return { run }
}

const noSshd = whyNoSshd()

describe('a second signal', () => {
  const cases: [where: string, first: NodeJS.Signals, second: NodeJS.Signals][] = [
    ['local', 'SIGTERM', 'SIGTERM'],
    ['local', 'SIGTERM', 'SIGINT'],
    ['ssh', 'SIGINT', 'SIGTERM'],
  ]
  for (const [where, first, second] of cases) {
    const title = `leaves no process of a ${where} command (${first}, ${second})`
    test.skipIf(where === 'ssh' && noSshd !== undefined)(
      where === 'ssh' && noSshd !== undefined ? `${title} (skipped: ${noSshd})` : title,
      async () => {
        await using sshd = where === 'ssh' ? await Sshd.start() : undefined
        const agent_id = `forced-${where}-${second}`
        await using agent = await startAgent(agent_id, sshd && sshSettings(sshd))
        const { run } = await startStubborn(agent_id)
        expect(processesOf(run.command_id).length).toBeGreaterThan(1)
        agent.signal(first)
        await agent.says(/"commands":1.*stopping/)
        agent.signal(second)
        await agent.exited
        expect(agent.exitCode).toBe(130)
        expect(processesOf(run.command_id)).toEqual([])
        // The link stood, so that the controller was told in the last moment.
        expect(await run).toMatchObject({
          status: 'cancelled',
          signal: 'SIGKILL',
          reason: 'The agent was stopped by force.',
        })
      },
    )
  }

  test('reports the ended command when its result takes a moment', async () => {
    await using agent = await startAgent('forced-slow')
    // Out of reach for the agent, and it holds the output: the agent listens to it for a second.
    const command = [
      '(env -u OGENT_COMMAND_ID setsid sleep 60 & echo holder $!)',
      "trap '' TERM; echo ready; while :; do sleep 0.1; done",
    ].join('\n')
    const run = system.client().execute({ agent_id: 'forced-slow', command })
    started.push(run.command_id)
    let said = ''
    for await (const chunk of run.stdout) {
      said += chunk
      if (said.includes('ready')) break
    }
    try {
      agent.signal('SIGTERM')
      await agent.says(/"commands":1.*stopping/)
      agent.signal('SIGTERM')
      await agent.exited
      expect(await run).toMatchObject({ status: 'cancelled', signal: 'SIGKILL' })
    } finally {
      process.kill(Number(said.match(/holder (\d+)/)?.[1]), 'SIGKILL')
    }
  })

  test('ends the agent although its controller is away', async () => {
    await using other = await startSystem({ agent: false })
    await using agent = await startAgent('forced-away', { CONTROLLER_URL: other.url })
    const run = other
      .client()
      .execute({ agent_id: 'forced-away', command: "trap '' TERM; echo ready; sleep 60; sleep 60" })
    started.push(run.command_id)
    for await (const chunk of run.stdout) if (chunk.includes('ready')) break
    run.then(
      () => {},
      () => {},
    )
    await other.controller.close()
    agent.signal('SIGTERM')
    await agent.says(/stopping/)
    agent.signal('SIGTERM')
    await until('the agent has ended', () => !agent.running)
    expect(processesOf(run.command_id)).toEqual([])
  })
})

test('an agent that stops logs what it waits for, what it ends and that it has stopped', async () => {
  await using agent = await startAgent('telling', { KILL_GRACE_SECONDS: '0' })
  const { run } = await startStubborn('telling')
  expect(await agent.stop()).toBe(0)
  const lines = agent.log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const told = lines.slice(lines.findIndex(({ msg }) => msg.startsWith('stopping')))
  expect(told).toMatchObject([
    {
      level: 30,
      agent_id: 'telling',
      commands: 1,
      msg: 'stopping: no more commands are taken, those that run may end',
    },
    { level: 30, commands: 1, msg: 'ending the commands that still run' },
    { level: 30, msg: 'agent has stopped' },
  ])
  expect(await run).toMatchObject({ status: 'cancelled', reason: 'The agent was stopped.' })
})

function sshSettings(sshd: Sshd): Record<string, string> {
  return {
    SSH_ENABLED: 'true',
    SSH_HOST: '127.0.0.1',
    SSH_PORT: String(sshd.port),
    SSH_USERNAME: sshd.username,
    SSH_KEY_PATH: sshd.userKey,
    SSH_KNOWN_HOSTS: sshd.knownHosts,
  }
}
