import { getEventListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import { CommandRun } from '../../src/client/commands/run.js'
import { OgentError } from '../../src/shared/errors.js'
import { neverEnding } from '../support/never-ending.js'
import { processesOf } from '../support/processes.js'
import { TcpProxy } from '../support/proxy.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
let proxy: TcpProxy
beforeAll(async () => {
  system = await startSystem()
  proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
})
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await system?.[Symbol.asyncDispose]()
})

const reason = new Error('The user went home.')
const agent_id = 'agent-1'

describe('a call with a signal', () => {
  const calls: [string, (ogent: OgentClient, options: { signal: AbortSignal }) => Promise<unknown>][] = [
    ['me', (ogent, options) => ogent.me(options)],
    ['analyze', (ogent, options) => ogent.analyze({ command: 'true' }, options)],
    ['agents.list', (ogent, options) => ogent.agents.list({}, options)],
    ['agents.get', (ogent, options) => ogent.agents.get(agent_id, options)],
    ['agents.forget', (ogent, options) => ogent.agents.forget('agent-9', options)],
    ['commands.start', (ogent, options) => ogent.commands.start({ agent_id, command: 'true' }, options)],
    ['commands.get', (ogent, options) => ogent.commands.get('any', options)],
    ['commands.list', (ogent, options) => ogent.commands.list({}, options)],
    ['commands.cancel', (ogent, options) => ogent.commands.cancel('any', options)],
    ['commands.recording', (ogent, options) => all(ogent.commands.recording('any', options))],
    ['commands.attach', async (ogent, options) => ogent.commands.attach('any', options)],
    ['a loop of commands.attach', (ogent, options) => all(ogent.commands.attach('any', options).output)],
  ]

  test.each(calls)('rejects with its reason as soon as it is aborted: %s', async (_name, call) => {
    await using held = await TcpProxy.start(() => Number(new URL(system.url).port))
    held.stall()
    const { username, password } = accounts.operator
    const ogent = createOgentClient({ url: held.url, username, password })
    const controller = new AbortController()
    const waiting = call(ogent, { signal: controller.signal })
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(call(ogent, { signal: controller.signal })).rejects.toBe(reason)
    await ogent.close()
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  test('rejects with the reason between two tries too, and while its answer is awaited', async () => {
    const ogent = client(proxy.url)
    proxy.close()
    const between = new AbortController()
    const tried = ogent.me({ signal: between.signal })
    const attempts = ogent.status()[Symbol.asyncIterator]()
    for (let attempt = 0; attempt < 2; ) {
      const { value } = await attempts.next()
      if (value?.state === 'connecting') attempt = value.attempt
    }
    between.abort(reason)
    await expect(tried).rejects.toBe(reason)
    proxy.resume()
    await ogent.me()
    proxy.stall()
    const answer = new AbortController()
    const asked = ogent.me({ signal: answer.signal })
    const raw = ogent.trpc.auth.me.query(undefined, { signal: answer.signal })
    answer.abort(reason)
    await expect(asked).rejects.toBe(reason)
    await expect(raw).rejects.toMatchObject({ cause: { code: 'CANCELLED', cause: reason } })
    proxy.resume()
    await ogent.me()
  })

  test('gives a reason that is one of its own errors as it is', async () => {
    const own = new OgentError('CLOSED', 'The user went home.')
    const ogent = system.client()
    const signal = AbortSignal.abort(own)
    await expect(ogent.me({ signal })).rejects.toBe(own)
    await expect(ogent.commands.attach('any', { signal })).rejects.toBe(own)
    const run = ogent.execute({ agent_id, command: 'true' })
    await expect(run.text({ signal })).rejects.toBe(own)
    await expect(run.cancel({ signal })).rejects.toBe(own)
    await run
  })

  test('is answered, and leaves nothing on the signal, where it is not aborted', async () => {
    const { signal } = new AbortController()
    const ogent = system.client()
    await ogent.me({ signal })
    expect(await ogent.execute({ agent_id, command: 'true' }, { signal })).toMatchObject({
      status: 'success',
    })
    const { command_id } = await ogent.commands.start({ agent_id, command: 'echo it' }, { signal })
    const attached = ogent.commands.attach(command_id, { signal })
    expect((await all(attached.stdout)).join('')).toBe('it\n')
    await attached
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('a loop without an end', () => {
  const loops: [string, (ogent: OgentClient, signal: AbortSignal) => AsyncIterable<unknown>][] = [
    ['agents.watch', (ogent, signal) => ogent.agents.watch({ signal })],
    ['status', (ogent, signal) => ogent.status({ signal })],
  ]
  test.each(loops)('of %s ends as at a break when its signal is aborted', async (_name, loop) => {
    const ogent = system.client()
    const controller = new AbortController()
    let seen = 0
    for await (const _ of loop(ogent, controller.signal)) {
      seen += 1
      // The loop waits for more by then.
      if (seen === 1) setImmediate(() => controller.abort(reason))
    }
    expect(seen).toBeGreaterThan(0)
    for await (const _ of loop(ogent, controller.signal)) throw new Error('It was aborted before.')
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })
})

describe('a recording', () => {
  test('that is cut by its signal throws the reason, since it is not whole', async () => {
    const ogent = system.client()
    const run = await ogent.execute({ agent_id, command: 'seq 1 200000' })
    const controller = new AbortController()
    const parts = ogent.commands.recording(run.command_id, { signal: controller.signal })
    await expect(all(parts, () => controller.abort(reason))).rejects.toBe(reason)
  })
})

describe('the signal of execute', () => {
  test('cancels the command at its agent, and the run rejects once it has ended', async () => {
    const ogent = system.client()
    const controller = new AbortController()
    const run = ogent.execute({ agent_id, command: 'echo up; sleep 60' }, { signal: controller.signal })
    for await (const _ of run.output) break
    controller.abort(reason)
    await expect(run).rejects.toMatchObject({ name: 'OgentError', code: 'CANCELLED', cause: reason })
    expect(processesOf(run.command_id)).toEqual([])
    expect(await ogent.commands.get(run.command_id)).toMatchObject({ status: 'cancelled' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  test('lets its loops go on to the end of the output, which then throw the same', async () => {
    const controller = new AbortController()
    const command = 'trap "echo bye; exit 0" TERM; echo up; sleep 60 & wait'
    const run = system.client().execute({ agent_id, command }, { signal: controller.signal })
    const seen: string[] = []
    const loop = async () => {
      for await (const text of run.stdout) {
        seen.push(text)
        if (text === 'up\n') controller.abort(reason)
      }
    }
    await expect(loop()).rejects.toMatchObject({ code: 'CANCELLED', cause: reason })
    expect(seen.join('')).toBe('up\nbye\n')
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('that is aborted before does not start the command', async () => {
    const ogent = system.client()
    const run = ogent.execute({ agent_id, command: 'true' }, { signal: AbortSignal.abort(reason) })
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED', cause: reason })
    await expect(all(run)).rejects.toMatchObject({ code: 'CANCELLED' })
    await ogent.me()
    await expect(ogent.commands.get(run.command_id)).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
  })

  test('that is aborted on the way of the start lets no command run on', async () => {
    const ogent = system.client()
    for (let round = 0; round < 10; round++) {
      const controller = new AbortController()
      const run = ogent.execute({ agent_id, command: 'sleep 60' }, { signal: controller.signal })
      await Promise.resolve()
      controller.abort(reason)
      await expect(run).rejects.toMatchObject({ code: 'CANCELLED' })
      expect(processesOf(run.command_id)).toEqual([])
    }
  })

  test('does nothing to a command that has ended', async () => {
    const ogent = system.client()
    const controller = new AbortController()
    const run = ogent.execute({ agent_id, command: 'echo it' }, { signal: controller.signal })
    await run
    controller.abort(reason)
    expect((await all(run.stdout)).join('')).toBe('it\n')
    expect(await run).toMatchObject({ status: 'success' })
  })

  test('gives the reason for which a start failed', async () => {
    const controller = new AbortController()
    const run = system
      .client()
      .execute({ agent_id: 'agent-9', command: 'true' }, { signal: controller.signal })
    controller.abort(reason)
    await expect(run).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
  })

  test('says that the command may still run where its cancel was refused', async () => {
    const controller = new AbortController()
    const run = new CommandRun({ ...neverEnding(), signal: controller.signal })
    const loop = all(run)
    const late = all(run)
    controller.abort(reason)
    const refused = {
      code: 'CANCELLED',
      cause: reason,
      message: expect.stringContaining('may still run. It takes'),
    }
    await expect(run).rejects.toMatchObject(refused)
    await expect(loop).rejects.toMatchObject(refused)
    await expect(late).rejects.toMatchObject(refused)
  })
})

test('the signal of attach ends the listening, and the command goes on', async () => {
  const ogent = system.client()
  const run = ogent.execute({ agent_id, command: 'echo up; sleep 60' })
  for await (const _ of run.output) break
  const controller = new AbortController()
  const attached = ogent.commands.attach(run.command_id, { signal: controller.signal })
  await expect(all(attached.output, () => controller.abort(reason))).rejects.toBe(reason)
  await expect(attached).rejects.toBe(reason)
  expect(await ogent.commands.get(run.command_id)).toMatchObject({ status: 'running' })
  await run.cancel()
})

function client(url: string): OgentClient {
  const { username, password } = accounts.operator
  const made = createOgentClient({ url, username, password })
  system.clients.push(made)
  return made
}

async function all<T>(items: AsyncIterable<T>, atFirst: () => void = () => {}): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) {
    if (found.length === 0) atFirst()
    found.push(item)
  }
  return found
}
