import { expect, test, vi } from 'vitest'
import type { Hello } from '../../../src/shared/link/protocol.js'
import { callAs, onBothStores } from '../../support/both-stores.js'
import { ended, RogueAgent, started } from '../../support/rogue-agent.js'

vi.setConfig({ testTimeout: 180_000 })

onBothStores('the protocol of a link', (open) => {
  test('is the newest that both sides speak, and is shown with the features of the agent', async () => {
    await using site = await open()
    const shown = async (agent_id: string) => {
      const { body } = await callAs(site.urls[1], 'viewer', `/agents/${agent_id}`)
      return { protocol: body.protocol, features: body.features }
    }
    const hellos: [string, Partial<Hello>, object][] = [
      ['one', {}, { protocol: 1, features: [] }],
      [
        'two',
        { protocol_max: 2, features: ['argv', 'pty\u001b[2J'] },
        { protocol: 2, features: ['argv', 'pty [2J'] },
      ],
      ['later', { protocol_max: 9, features: [] }, { protocol: 2, features: [] }],
    ]
    for (const [agent_id, hello, told] of hellos) {
      await using agent = await RogueAgent.connect(site.urls[0], agent_id, hello)
      expect(told).toMatchObject({ protocol: agent.registered.protocol })
      await expect.poll(() => shown(agent_id)).toEqual(told)
    }
    // It stays known while the agent is away.
    await expect.poll(() => shown('two')).toEqual({ protocol: 2, features: ['argv', 'pty [2J'] })
  })

  test('is refused with the reason when the two have none in common', async () => {
    await using site = await open()
    const hello = (more: object) => RogueAgent.connect(site.urls[0], 'web-1', more)
    await expect(hello({ protocol: 3, protocol_max: 4 })).rejects.toMatchObject({
      shape: {
        message:
          'The agent speaks protocol 3 to 4 of the link, this controller 1 to 2: update the controller.',
      },
    })
    await expect(hello({ protocol: 2, protocol_max: 1 })).rejects.toMatchObject({
      shape: { message: expect.stringContaining('protocol_max: got 1') },
    })
    await using agent = await RogueAgent.connect(site.urls[0], 'web-1', { protocol: 2 })
    expect(agent.registered).toMatchObject({ protocol: 2 })
  })

  test('ends a command at once, and no other, when the agent cannot parse its order', async () => {
    await using site = await open()
    await using agent = await RogueAgent.connect(site.urls[0], 'web-1', { protocol_max: 2 })
    await using other = await RogueAgent.connect(site.urls[0], 'web-2', { protocol_max: 2 })
    const start = (agent_id: string) =>
      callAs(site.urls[1], 'operator', `/agents/${agent_id}/execute`, {
        body: { command: 'echo hi', deliver_within_seconds: 3600 },
      })
    // One after the other: of two requests at a time either may be the first to be ordered.
    const unread = start('web-1')
    const first = await agent.order()
    const taken = start('web-1')
    const second = await agent.order()
    await agent.report(started(second.command_id))
    await agent.refuse({ type: 'execute_command_event', command_id: second.command_id })
    await agent.refuse({ type: 'cancel_command_event', command_id: first.command_id })
    // Another agent has no say in it.
    await other.refuse({ type: 'execute_command_event', command_id: first.command_id })
    await agent.refuse({ type: 'execute_command_event', command_id: 'unknown' }, { type: 'what_is_this' })
    await agent.refuse({ type: 'execute_command_event', command_id: first.command_id })
    expect(await unread).toMatchObject({
      status: 409,
      body: {
        code: 'TARGET_UNAVAILABLE',
        detail: expect.stringContaining('has not run it: update the agent'),
      },
    })
    await agent.report(ended(second.command_id, 2))
    expect(await taken).toMatchObject({ status: 200, body: { status: 'success' } })
  })
})
