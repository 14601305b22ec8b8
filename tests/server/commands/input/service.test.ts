import { afterEach, expect, test, vi } from 'vitest'
import { LocalRelay } from '../../../../src/server/cluster/relay.js'
import { commandAddress, encodeMessage } from '../../../../src/server/commands/input/messages.js'
import { CommandInputs } from '../../../../src/server/commands/input/service.js'
import { commandInputSchema } from '../../../../src/shared/commands/input.js'
import type { InputAnswer } from '../../../../src/shared/link/protocol.js'
import { actor } from '../../../support/actors.js'
import { agentIdentity, helloOf, LinkReader, report } from '../../../support/command-parts.js'
import { rolePolicy } from '../../../support/role-policy.js'
import { Site } from '../dispatch/dispatch-site.js'

afterEach(() => void vi.useRealTimers())

/** Who requested the commands of the tests. */
const olga = actor('olga', 'operator')
const never = new AbortController().signal

/** The service among the real parts of a controller, and how its tests use it. */
function openInputs({ parts, dispatcher }: Site) {
  const relay = new LocalRelay()
  const inputs = new CommandInputs({
    ...parts,
    relay,
    policy: rolePolicy,
    mayHaveOrder: (agent_id, command_id) => dispatcher.mayHaveOrder(agent_id, command_id),
  })
  return {
    inputs,
    relay,
    link: async (commands: string[] = []) => {
      const hello = helloOf('a1', { features: ['stdin'], commands })
      return new LinkReader(await dispatcher.connect(hello, agentIdentity))
    },
    write: (fields: object = {}, signal = never) =>
      inputs.input(olga, commandInputSchema.parse({ command_id: 'c', data: 'hello', ...fields }), signal),
  }
}

/** From now on no call sends again because time has passed. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
}

const taken = (count: number, state: InputAnswer['state'] = 'open') => ({
  command_id: 'c',
  taken: count,
  state,
})

/** A command that its agent has begun to run. */
async function running(site: Site, link: () => Promise<LinkReader>): Promise<LinkReader> {
  const reader = await link()
  await site.dispatch('c', { openStdin: true })
  await site.report(report.started('c'))
  await reader.rest()
  return reader
}

test('input is sent again at once when the link of its agent comes back', async () => {
  await using site = new Site()
  const { inputs, link, write } = openInputs(site)
  const before = await running(site, link)
  stopTime()
  const written = write()
  expect(await before.next()).toBe('input c')
  const after = await link(['c'])
  expect([await after.next(), await after.next()]).toEqual(['registered', 'input c'])
  inputs.answered(after.link, [taken(5)])
  expect(await written).toEqual(taken(5))
})

test('input is sent as soon as the order of its command has left, and not before', async () => {
  await using site = new Site()
  const { inputs, link, write } = openInputs(site)
  const reader = await link()
  const { state, order } = await site.parts.create('c', { openStdin: true })
  await reader.rest()
  stopTime()
  const written = write()
  await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0))
  expect(reader.link.queued).toBe(0)
  site.dispatcher.dispatch(state, order)
  expect([await reader.next(), await reader.next()]).toEqual(['execute c', 'input c'])
  inputs.answered(reader.link, [taken(5)])
  expect(await written).toEqual(taken(5))
})

test('input looks at its command again when that is said to have ended', async () => {
  await using site = new Site()
  const { inputs, link, write } = openInputs(site)
  const reader = await running(site, link)
  stopTime()
  const written = write()
  expect(await reader.next()).toBe('input c')
  // A result that an agent takes back: the command goes on.
  site.parts.events.publish({
    type: 'command_ended',
    command_id: 'c',
    agent_id: 'a1',
    status: 'lost',
    duration_ms: 0,
  })
  expect(await reader.next()).toBe('input c')
  inputs.answered(reader.link, [taken(5)])
  expect(await written).toEqual(taken(5))
})

test('input is not put behind orders that a link does not read', async () => {
  await using site = new Site()
  const { link, write, inputs } = openInputs(site)
  const reader = await running(site, link)
  await site.dispatch('large', { command: 'x'.repeat(4 * 1024 * 1024) })
  stopTime()
  const written = write()
  await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0))
  expect(await reader.rest()).toEqual(['execute large'])
  await vi.advanceTimersByTimeAsync(1000)
  expect(await reader.next()).toBe('input c')
  inputs.answered(reader.link, [taken(5)])
  expect(await written).toEqual(taken(5))
})

test('a call ends when its caller is gone, and sends nothing more', async () => {
  await using site = new Site()
  const { link, write } = openInputs(site)
  const reader = await running(site, link)
  const caller = new AbortController()
  stopTime()
  const written = write({}, caller.signal)
  expect(await reader.next()).toBe('input c')
  caller.abort()
  await expect(written).rejects.toMatchObject({ code: 'CLOSED' })
  expect(vi.getTimerCount()).toBe(0)
  const late = write({}, caller.signal)
  await expect(late).rejects.toMatchObject({ code: 'CLOSED' })
  expect(reader.link.queued).toBe(0)
})

test('a call ends with UNAVAILABLE when the controller stops, as does one that comes after', async () => {
  await using site = new Site()
  const { inputs, link, write } = openInputs(site)
  const reader = await running(site, link)
  const written = write()
  expect(await reader.next()).toBe('input c')
  inputs.close()
  await expect(written).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(write()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('messages that cannot be read, and answers of other agents, change nothing', async () => {
  await using site = new Site()
  const { inputs, relay, link, write } = openInputs(site)
  const reader = await running(site, link)
  const written = write()
  await reader.next()
  const address = commandAddress('c')
  relay.send(address, Buffer.from('{broken'))
  relay.send(address, Buffer.from('{"version":2,"kind":"answer"}'))
  relay.send(address, encodeMessage({ kind: 'answer', agent_id: 'a2', answer: taken(4, 'closed') }))
  const other = { ...taken(3, 'ended'), command_id: 'other' }
  relay.send(address, encodeMessage({ kind: 'answer', agent_id: 'a1', answer: other }))
  inputs.answered(reader.link, [taken(5)])
  expect(await written).toEqual(taken(5))
  expect(site.parts.complaints).toEqual(Array(2).fill('a message about input was not read'))
})
