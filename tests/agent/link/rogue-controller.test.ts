import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { startSystem } from '../../support/system.js'
import { order, RogueController, registered, startAgent } from './rogue-controller.js'

vi.setConfig({ testTimeout: 120_000 })

test.each([
  ['an id with a path in it', '../../../etc/cron.d/x'],
  ['an id with a newline', 'a\nb'],
  ['an id that is too long', 'x'.repeat(100_000)],
  ['no text', { toString: 'x' }],
])('an agent does not register as %s, and stores nothing of it', async (_what, agent_id) => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => send(registered(rogue.hellos.length < 3 ? agent_id : 'web-1'))
  const { agent: starting, warned } = startAgent(rogue.url, folder.path)
  const agent = await starting
  await agent.registered
  expect(agent.agent_id).toBe('web-1')
  expect(rogue.hellos.map((hello) => hello.agent_id)).toEqual([undefined, undefined, undefined])
  expect(readFileSync(join(folder.path, 'agent-id'), 'utf8')).toBe('web-1\n')
  expect(warned.filter((line) => line.includes('answer to the hello cannot be read'))).toHaveLength(2)
  await agent.stop({ drainMs: 0 })
})

test('an agent that has an id does not accept another one', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => send(registered(rogue.hellos.length < 2 ? 'db-1' : 'web-1'))
  const { agent: starting, warned } = startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' })
  const agent = await starting
  await agent.registered
  expect(agent.agent_id).toBe('web-1')
  expect(existsSync(join(folder.path, 'agent-id'))).toBe(false)
  expect(warned.join('\n')).toContain('calls this agent db-1 instead of web-1')
  await agent.stop({ drainMs: 0 })
})

test('an agent runs no order that it cannot parse, and continues with the next', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  const mark = join(folder.path, 'mark')
  rogue.onHello = (_hello, send) => {
    send(registered('web-1'))
    send(order('long', 'sleep 60; echo whole'))
    send({ type: 'format_disk_event', command_id: 'long' })
    send({ ...order('../x', `touch ${mark}`) })
    send({ ...order('c1', `touch ${mark}`), env: { A: 1 } })
    send({ ...order('c2', `touch ${mark}`), timeout_seconds: -1 })
    send({ ...order('c3', `touch ${mark}`), max_output_bytes: 'many' })
    send({ ...order('c4', `touch ${mark}`), execution_target: 'moon' })
    send([])
    send(order('last', 'echo fine'))
  }
  const { agent: starting, warned } = startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' })
  const agent = await starting
  await rogue.when(() =>
    rogue.reports.some(({ command_id, kind }) => command_id === 'last' && kind === 'result'),
  )
  expect(existsSync(mark)).toBe(false)
  // A type that this agent does not know is no cancel: what it names runs on.
  expect([...new Set(rogue.reports.map(({ command_id }) => command_id))].sort()).toEqual(['last', 'long'])
  expect(rogue.reports.filter(({ kind }) => kind === 'result')).toHaveLength(1)
  expect(warned.filter((line) => line.includes('is not obeyed'))).toHaveLength(7)
  await agent.stop({ drainMs: 0 })
})

test('an agent answers an order of an unknown type, and ends no command that the order names', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  const gate = join(folder.path, 'gate')
  rogue.onHello = (_hello, send) => {
    send({ ...registered('web-1'), protocol: 2, features: ['something new'] })
    send(order('long', `while ! [ -e ${gate} ]; do sleep 0.1; done; echo whole`))
    send({ type: 'signal_command_event', command_id: 'long', signal: 'SIGHUP' })
    send({ ...order('c1', 'echo no'), execution_target: 'container' })
    send({ type: 'open_session_event', session_id: 's1' })
  }
  const { agent: starting } = startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' })
  const agent = await starting
  await rogue.when(() => rogue.unsupported.length >= 3)
  expect(rogue.unsupported).toEqual([
    { type: 'signal_command_event', command_id: 'long' },
    { type: 'execute_command_event', command_id: 'c1' },
    { type: 'open_session_event' },
  ])
  writeFileSync(gate, '')
  await rogue.when(() => rogue.reports.some(({ kind }) => kind === 'result'))
  expect(rogue.reports.find(({ kind }) => kind === 'result')).toMatchObject({
    command_id: 'long',
    status: 'success',
    stdout_bytes: 6,
  })
  expect(rogue.reports.every(({ command_id }) => command_id === 'long')).toBe(true)
  await agent.stop({ drainMs: 0 })
})

test('an agent says hello with the protocols that it speaks, and does not continue with another one', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) =>
    send({ ...registered('web-1'), protocol: rogue.hellos.length < 2 ? 3 : 2 })
  const { agent: starting, warned } = startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' })
  const agent = await starting
  await agent.registered
  expect(rogue.hellos).toHaveLength(2)
  expect(rogue.hellos[0]).toMatchObject({ protocol: 1, protocol_max: 2 })
  expect(warned.join('\n')).toContain('speaks protocol 3 of the link: update this agent')
  await agent.stop({ drainMs: 0 })
})

test('an agent reconnects when it cannot parse a receipt', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => {
    send(registered('web-1'))
    if (rogue.hellos.length === 1) send(order('c1', 'echo fine'))
  }
  const right = rogue.answer
  rogue.answer = (reports) =>
    rogue.hellos.length < 3 ? { receipts: [{ command_id: 'c1', stored: 'all' }] } : right(reports)
  const { agent: starting } = startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' })
  const agent = await starting
  await rogue.when(() => rogue.hellos.length >= 3)
  expect(rogue.hellos[2]?.commands).toEqual(['c1'])
  await agent.stop({ drainMs: 1000 })
})

test('an agent starts as a new one, and logs that, when its stored id cannot be read', async () => {
  await using system = await startSystem({ agent: false })
  for (const text of ['', '../../x\n', 'x'.repeat(1000)]) {
    using folder = temporaryFolder()
    const state = join(folder.path, 'state')
    mkdirSync(state, { mode: 0o700 })
    writeFileSync(join(state, 'agent-id'), text)
    const { agent: starting, warned } = startAgent(system.url, state, {
      AGENT_USERNAME: 'agents',
      AGENT_PASSWORD: 'agent-pass-1',
    })
    const agent = await starting
    await agent.registered
    expect(agent.agent_id).toMatch(/^agent-[0-9A-Z]{26}$/)
    expect(readFileSync(join(state, 'agent-id'), 'utf8')).toBe(`${agent.agent_id}\n`)
    expect(warned.join('\n')).toContain('does not hold an agent id')
    await agent.stop({ drainMs: 0 })
  }
})
