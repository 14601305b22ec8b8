import { Outbox } from '../../../src/agent/commands/outbox.js'
import { LinkLoop, type LoopOptions } from '../../../src/agent/link/loop.js'
import type { AgentInfo } from '../../../src/shared/agents/agent.js'
import { newId } from '../../../src/shared/id.js'

export const info: AgentInfo = {
  platform: 'Linux',
  version: '6.1',
  python: null,
  node: process.version,
  ssh_enabled: false,
  ssh_target: null,
  hostname: 'loop',
  arch: 'x64',
  agent_version: '0.1.0',
  max_concurrent_commands: 1,
}

/** A line of a loop's log, with when it was said by the monotonic clock. */
export type Line = { at: number; code: unknown; cause: unknown; message: string }

export type TestLoop = {
  options: LoopOptions
  /** When it was registered, each time, by the monotonic clock. */
  registered: number[]
  lines: Line[]
  stop(): Promise<void>
}

/** An agent's link with no executor behind it: many of them fit into one process. */
export function startLoop(
  agent_id: string,
  given: Pick<LoopOptions, 'url' | 'username' | 'password'> & Partial<LoopOptions>,
): TestLoop {
  const registered: number[] = []
  const lines: Line[] = []
  const note = (fields: object, message: string) => {
    const { code, cause } = fields as { code?: unknown; cause?: unknown }
    lines.push({ at: performance.now(), code, cause, message })
  }
  const instance_id = newId()
  const options: LoopOptions = {
    reconnectDelayMs: 1000,
    maxAttempts: undefined,
    outbox: new Outbox(),
    log: { debug() {}, info: note, warn: note, error: note },
    hello: () => ({ protocol: 1, agent_id, instance_id, info, labels: {}, commands: [] }),
    load: () => ({ running: 0, queued: 0, outbox_bytes: 0 }),
    handlers: { onRegistered: () => void registered.push(performance.now()), onOrder() {} },
    ...given,
  }
  const loop = new LinkLoop(options)
  const done = loop.run().catch(() => {})
  return {
    options,
    registered,
    lines,
    stop: () => {
      loop.stop()
      return done
    },
  }
}
