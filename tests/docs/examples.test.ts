import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

function example(name: string, ...args: string[]) {
  const { username, password } = accounts.operator
  const env = { OGENT_URL: system.url, OGENT_USERNAME: username, OGENT_PASSWORD: password }
  return run(process.execPath, [`${repository}examples/${name}`, ...args], { env })
}

test('one command is run and its end is told', async () => {
  const { stdout, ...rest } = await example('one-command.mjs', 'agent-1', 'echo out; echo err >&2; exit 3')
  expect(rest).toEqual({ code: 0, stderr: 'err\n' })
  expect(stdout).toMatch(/^out\nerror, exit code 3, \d+ ms\n$/)
})

test('every connected agent streams its lines', async () => {
  await using second = await startSecond()
  const { code, stdout } = await example('streaming.mjs', 'echo a; echo b; printf c')
  expect(code).toBe(0)
  for (const agent_id of ['agent-1', second.agent_id]) {
    const own = stdout.split('\n').filter((line) => line.startsWith(`${agent_id} `))
    expect(own).toEqual([
      ...['a', 'b', 'c'].map((line) => `${agent_id} | ${line}`),
      `${agent_id} : success, exit code 0`,
    ])
  }
})

test('a stock client subscribes to the events', async () => {
  const { code, stdout, stderr } = await example('raw-trpc.mjs', 'agent-1', 'echo hi')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const events = stdout
    .trim()
    .split('\n')
    .map((line): { type: string } => JSON.parse(line))
  expect(events.map(({ type }) => type)).toEqual([
    'command_response',
    'command_progress',
    'command_progress',
    'command_result',
  ])
})

test('a stock client is told what is wrong', async () => {
  const { code, stderr } = await example('raw-trpc.mjs', 'nobody')
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'Agent with ID nobody not found\n' })
})

test('the README beside them names every example', () => {
  const names = readdirSync(`${repository}examples`).filter((name) => name !== 'README.md')
  for (const name of names) expect(readRepository('examples/README.md')).toContain(`node examples/${name}`)
})

async function startSecond() {
  const agent = await system.addAgent('agent-2')
  return { agent_id: 'agent-2', [Symbol.asyncDispose]: () => agent.stop({ drainMs: 0 }) }
}
