import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAgentProcess } from '../../../support/agent-process.js'
import { needsControlGroups } from '../../../support/control-groups.js'
import { processesOf, until } from '../../../support/processes.js'
import type { Role } from '../../../support/roles.js'
import { needs } from '../../../support/services.js'
import { Sleeps } from '../../../support/sleeps.js'
import { type System, startSystem } from '../../../support/system.js'

let system: System
/** What a test has started, and would leave behind where it fails. */
const started: string[] = []
const sleeps: Sleeps[] = []
beforeAll(async () => {
  system = await startSystem({ agent: false })
})
afterAll(async () => {
  for (const each of sleeps) each.end()
  for (const pid of started.flatMap(processesOf)) process.kill(pid, 'SIGKILL')
  await system[Symbol.asyncDispose]()
})

async function startAgent(agent_id: string): Promise<Role> {
  const agent = await startAgentProcess(system, agent_id, { AGENT_CGROUPS: 'true' })
  await agent.says(/processes of a command are found by cgroups/)
  return agent
}

/** A command with a process that only its control group has; resolves when both run. */
async function startHidden(agent_id: string, more: { timeout_seconds?: number } = {}) {
  const hidden = new Sleeps()
  sleeps.push(hidden)
  const run = system.client().execute({ agent_id, command: `${hidden.hidden}; exec sleep 3001`, ...more })
  started.push(run.command_id)
  await until('the hidden process runs', () => hidden.pids().length === 1)
  // A run is a promise of its end, which is not to be waited for here.
  return { run, hidden }
}

// An agent of an ordinary user has groups only where its own was given to it; this one is in that of the tests.
const skipped = needsControlGroups() || needs('setsid') || process.getuid?.() !== 0

describe.skipIf(skipped)('a process that can be found by its control group alone', () => {
  test('ends with the command at its time limit', async () => {
    await using _agent = await startAgent('limit')
    const { run, hidden } = await startHidden('limit', { timeout_seconds: 5 })
    expect(await run).toMatchObject({ status: 'timeout', signal: 'SIGTERM' })
    expect(hidden.pids()).toEqual([])
  })

  test('ends with the command when that is cancelled', async () => {
    await using _agent = await startAgent('cancel')
    const { run, hidden } = await startHidden('cancel')
    await run.cancel()
    expect(await run).toMatchObject({ status: 'cancelled', signal: 'SIGTERM' })
    expect(hidden.pids()).toEqual([])
  })

  test('ends with the command when the agent is stopped by force', async () => {
    await using agent = await startAgent('force')
    const { run, hidden } = await startHidden('force')
    agent.signal('SIGTERM')
    await agent.says(/stopping/)
    agent.signal('SIGTERM')
    await agent.exited
    expect(hidden.pids()).toEqual([])
    expect(await run).toMatchObject({ status: 'cancelled' })
  })

  test('is ended by the next agent when the one before was killed', async () => {
    const agent = await startAgent('killed')
    const { run, hidden } = await startHidden('killed')
    agent.signal('SIGKILL')
    await agent.exited
    expect(hidden.pids()).toHaveLength(1)
    await using _next = await startAgent('killed')
    expect(await run).toMatchObject({ status: 'lost' })
    expect(hidden.pids()).toEqual([])
  })

  test('continues after a normal end of the command', async () => {
    await using _agent = await startAgent('normal')
    const hidden = new Sleeps()
    sleeps.push(hidden)
    const result = await system.client().execute({ agent_id: 'normal', command: hidden.hidden })
    expect(result).toMatchObject({ status: 'success' })
    await until('it runs', () => hidden.pids().length === 1)
  })
})
