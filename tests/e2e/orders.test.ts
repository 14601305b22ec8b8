import { expect, test } from 'vitest'
import { Plant } from '../faults/plant.js'

test('an order that may not wait reaches a connected agent over a slow link too', async () => {
  await using plant = await Plant.start()
  plant.agentProxy.delayMs = 60
  const ogent = plant.client()
  const order = { agent_id: 'agent-1', command: 'echo here', deliver_within_seconds: 0 }
  expect(await ogent.execute(order)).toMatchObject({ status: 'success', stdout: 'here\n' })

  plant.agentProxy.close()
  await plant.agentGone()
  await expect(ogent.execute(order)).rejects.toMatchObject({ code: 'AGENT_OFFLINE' })
})

test('a command that is cancelled repeatedly has one cancel request in its journal', async () => {
  await using plant = await Plant.start()
  const ogent = plant.client()
  const command = "trap '' TERM; echo up; sleep 3; sleep 30"
  const { command_id } = await ogent.commands.start({ agent_id: 'agent-1', command })
  for (let time = 0; time < 5; time++) await ogent.commands.cancel(command_id)
  const states: string[] = []
  for await (const event of ogent.commands.attach(command_id)) {
    if (event.type === 'command_progress') states.push(event.state)
  }
  expect(states.filter((state) => state === 'cancel_requested')).toHaveLength(1)
  expect(await ogent.commands.attach(command_id)).toMatchObject({ status: 'cancelled' })
  await expect(ogent.commands.cancel(command_id)).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
})
