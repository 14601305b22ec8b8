import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { limits } from '../../../src/shared/commands/limits.js'
import { temporaryFolder } from '../../support/folder.js'
import { order, RogueController, registered, startAgent } from './rogue-controller.js'

vi.setConfig({ testTimeout: 120_000 })

const piece = (command_id: string, offset: number, data: string, end = false) => ({
  type: 'stdin_command_event',
  command_id,
  offset,
  data: Buffer.from(data),
  end,
})

const hasResult = (rogue: RogueController, command_id: string) =>
  rogue.reports.some((report) => report.command_id === command_id && report.kind === 'result')

test('an agent says hello with its features, such as an open standard input', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => send(registered('web-1'))
  const agent = await startAgent(rogue.url, folder.path).agent
  await agent.registered
  expect(rogue.hellos[0]?.features).toEqual(['stdin', 'witness', 'signed_orders'])
  await agent.stop({ drainMs: 0 })
})

test('an agent answers pieces of input, those that come together in one message, by command', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => {
    send(registered('web-1'))
    for (const id of ['one', 'two']) send({ ...order(id, 'cat'), open_stdin: true })
    send(piece('one', 0, 'abc'), piece('two', 0, 'abc'), piece('two', 3, 'def', true), piece('none', 0, 'x'))
  }
  const agent = await startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' }).agent
  await rogue.when(() => hasResult(rogue, 'two'))
  expect(rogue.inputs).toEqual([
    [
      { command_id: 'one', taken: 3, state: 'open' },
      { command_id: 'two', taken: 6, state: 'ended' },
      { command_id: 'none', taken: 0, state: 'closed' },
    ],
  ])
  expect(rogue.reports.find(({ kind }) => kind === 'result')).toMatchObject({ stdout_bytes: 6 })
  await agent.stop({ drainMs: 0 })
})

test('an agent is where it was when input goes on over another link', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => {
    send(registered('web-1'))
    if (rogue.hellos.length === 1) send({ ...order('c', 'cat'), open_stdin: true })
    send(rogue.hellos.length === 1 ? piece('c', 0, 'abc') : piece('c', 0, 'abcdef', true))
  }
  const agent = await startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' }).agent
  await rogue.when(() => rogue.inputs.length > 0)
  rogue.hangUp()
  await rogue.when(() => hasResult(rogue, 'c'))
  expect(rogue.inputs.flat().at(-1)).toEqual({ command_id: 'c', taken: 6, state: 'ended' })
  expect(rogue.reports.find(({ kind }) => kind === 'result')).toMatchObject({ stdout_bytes: 6 })
  await agent.stop({ drainMs: 0 })
})

test('an agent answers by itself when there is room, and tells it no controller that has sent no input', async () => {
  using folder = temporaryFolder()
  const inputs: number[] = []
  const results: string[] = []
  for (const asks of [true, false]) {
    await using rogue = await RogueController.start()
    const id = `c-${asks}`
    const gate = join(folder.path, id)
    rogue.onHello = (_hello, send) => {
      send(registered('web-1'))
      if (rogue.hellos.length === 1) {
        send({
          ...order(id, `while ! [ -e '${gate}' ]; do sleep 0.05; done; head -c 300000 | wc -c`),
          open_stdin: true,
        })
        for (let offset = 0; offset < 600_000; offset += 100_000) send(piece(id, offset, 'x'.repeat(100_000)))
      } else if (asks) send(piece(id, 0, ''))
    }
    const agent = await startAgent(rogue.url, join(folder.path, `state-${asks}`), { AGENT_ID: 'web-1' }).agent
    await rogue.when(() => rogue.inputs.flat().some(({ state }) => state === 'full'))
    rogue.hangUp()
    await rogue.when(() => rogue.hellos.length === 2 && (!asks || rogue.inputs.length > 1))
    const before = rogue.inputs.length
    writeFileSync(gate, '')
    await rogue.when(() => hasResult(rogue, id))
    inputs.push(rogue.inputs.length - before)
    results.push(...rogue.reports.flatMap((report) => (report.kind === 'result' ? [report.status] : [])))
    await agent.stop({ drainMs: 0 })
  }
  expect(results).toEqual(['success', 'success'])
  expect(inputs[0]).toBeGreaterThan(0)
  expect(inputs[1]).toBe(0)
})

test('an agent takes no piece of input that is longer than it may be', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => {
    send({ ...registered('web-1'), protocol: 2 })
    send({ ...order('c', 'cat'), open_stdin: true })
    send(piece('c', 0, 'x'.repeat(limits.input + 1)))
    send({ ...piece('c', 0, ''), data: 'text' })
    send(piece('c', 0, 'abc', true))
  }
  const agent = await startAgent(rogue.url, folder.path, { AGENT_ID: 'web-1' }).agent
  await rogue.when(() => hasResult(rogue, 'c'))
  expect(rogue.unsupported).toEqual(
    Array.from({ length: 2 }, () => ({ type: 'stdin_command_event', command_id: 'c' })),
  )
  expect(rogue.reports.find(({ kind }) => kind === 'result')).toMatchObject({ stdout_bytes: 3 })
  await agent.stop({ drainMs: 0 })
})

test('an agent with a strict guard runs no command of which the rest of a program comes later', async () => {
  using folder = temporaryFolder()
  await using rogue = await RogueController.start()
  rogue.onHello = (_hello, send) => {
    send(registered('web-1'))
    send({ ...order('shell', 'sh -s'), open_stdin: true })
    send({ ...order('copy', 'cat'), open_stdin: true })
    send(piece('shell', 0, 'echo no', true))
    send(piece('copy', 0, 'abc', true))
  }
  const settings = { AGENT_ID: 'web-1', AGENT_GUARD: 'strict' }
  const agent = await startAgent(rogue.url, folder.path, settings).agent
  await rogue.when(() => hasResult(rogue, 'shell') && hasResult(rogue, 'copy'))
  const results = rogue.reports.flatMap((report) => (report.kind === 'result' ? report : []))
  expect(new Map(results.map(({ command_id, status }) => [command_id, status]))).toEqual(
    new Map([
      ['shell', 'refused'],
      ['copy', 'success'],
    ]),
  )
  await agent.stop({ drainMs: 0 })
})
