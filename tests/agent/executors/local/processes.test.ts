import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAgentProcess } from '../../../support/agent-process.js'
import { processesOf, until } from '../../../support/processes.js'
import { type System, startSystem } from '../../../support/system.js'

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

const startAgent = (agent_id: string) => startAgentProcess(system, agent_id)

/** A command with a process in a session of its own; resolves when both run. */
async function startDetached(agent_id: string, more: { timeout_seconds?: number } = {}) {
  const command = 'setsid sleep 3000 >/dev/null 2>&1 & echo ready; exec sleep 3001'
  const run = system.client().execute({ agent_id, command, ...more })
  started.push(run.command_id)
  for await (const chunk of run.stdout) if (chunk.includes('ready')) break
  await until('both run', () => processesOf(run.command_id).length === 2)
  // A run is a promise of its end, which is not to be waited for here.
  return { run }
}

describe('a process that a command has started in a session of its own', () => {
  test('ends with the command at its time limit', async () => {
    await using _agent = await startAgent('limit')
    const { run } = await startDetached('limit', { timeout_seconds: 3 })
    expect(await run).toMatchObject({ status: 'timeout', signal: 'SIGTERM' })
    expect(processesOf(run.command_id)).toEqual([])
  })

  test('ends with the command when that is cancelled', async () => {
    await using _agent = await startAgent('cancel')
    const { run } = await startDetached('cancel')
    await run.cancel()
    expect(await run).toMatchObject({ status: 'cancelled', signal: 'SIGTERM' })
    expect(processesOf(run.command_id)).toEqual([])
  })

  test('ends with the command when the agent is stopped by force', async () => {
    await using agent = await startAgent('force')
    const { run } = await startDetached('force')
    agent.signal('SIGTERM')
    await agent.says(/stopping/)
    agent.signal('SIGTERM')
    await agent.exited
    expect(processesOf(run.command_id)).toEqual([])
    expect(await run).toMatchObject({ status: 'cancelled' })
  })

  test('is ended by the next agent when the one before was killed', async () => {
    const agent = await startAgent('killed')
    const { run } = await startDetached('killed')
    agent.signal('SIGKILL')
    await agent.exited
    expect(processesOf(run.command_id)).toHaveLength(2)
    await using _next = await startAgent('killed')
    expect(await run).toMatchObject({ status: 'lost' })
    expect(processesOf(run.command_id)).toEqual([])
  })
})
