import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { FileLedger } from '../../../dist/agent/commands/ledger.js'
import { Outbox } from '../../../dist/agent/commands/outbox.js'
import type { Execution, Executor } from '../../../dist/agent/commands/ports.js'
import { Runner } from '../../../dist/agent/commands/runner.js'
import { LinkLoop } from '../../../dist/agent/link/loop.js'
import { agentHello } from './agent-hello.js'
import type { BenchAgents } from './fleet-agent.js'
import { given, ready } from './role.js'

/**
 * The agent with an executor that starts nothing: its runner, ledger, outbox and link are the real ones, put
 * together as `src/agent/app.ts` does.
 */
const { url, username, password, agents, folder } = given<BenchAgents>()
const agent_id = agents[0] ?? ''
const stateDir = join(folder, agent_id)
mkdirSync(stateDir, { recursive: true })

const log = { debug() {}, info() {}, warn() {}, error() {} }
const nothing: Execution = {
  pid: undefined,
  output: (async function* () {})(),
  exit: Promise.resolve({ exit_code: 0, signal: null, reason: null }),
  terminate() {},
}
const executor: Executor = {
  type: 'local',
  target: agent_id,
  start: async () => nothing,
  close: async () => {},
}
const outbox = new Outbox()
const ledger = FileLedger.open(stateDir)
outbox.onSettled = (command_id) => ledger.settled(command_id)
const runner = new Runner({
  executors: () => executor,
  outbox,
  ledger,
  log,
  maxConcurrent: 16,
  maxQueued: 1000,
  killGraceMs: 1000,
})
const loop = new LinkLoop({
  url,
  username,
  password,
  reconnectDelayMs: 1000,
  maxAttempts: 0,
  outbox,
  log,
  hello: () => agentHello(agent_id),
  load: () => ({ ...runner.counts(), outbox_bytes: outbox.bytes }),
  handlers: {
    onRegistered: () => ready(),
    onOrder: (order, controllerNow) => runner.take(order, controllerNow),
  },
})
void loop.run()
