import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Plant } from '../faults/plant.js'
import { until } from '../support/processes.js'

test('a restored backup hears how the commands ended that ran meanwhile, and shows no hole', async () => {
  await using plant = await Plant.start()
  const ogent = plant.client(plant.directUrl)
  const data = join(plant.folder, 'controller')
  const backup = join(plant.folder, 'backup')
  const restart = async (between: () => void) => {
    plant.controller.signal('SIGTERM')
    await plant.controller.exited
    between()
    plant.startController()
    await plant.controllerReady()
    await plant.agentConnected()
  }

  const command = 'for i in $(seq 1 60); do echo line $i; sleep 0.1; done; exit 7'
  const { command_id } = await ogent.commands.start({ agent_id: 'agent-1', command })
  await until('it runs', async () => (await ogent.commands.get(command_id)).status === 'running')
  await restart(() => cpSync(data, backup, { recursive: true }))
  // The controller of the time after the backup takes reports, and the agent lets go of them.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await restart(() => {
    rmSync(data, { recursive: true })
    cpSync(backup, data, { recursive: true })
  })

  const outcome = await ogent.commands.attach(command_id)
  expect(outcome).toMatchObject({ status: 'error', exit_code: 7, stdout_truncated: true })
  expect(outcome.reason).toContain('was set back to an earlier state')
  const whole = Array.from({ length: 60 }, (_, i) => `line ${i + 1}\n`).join('')
  expect(outcome.stdout_bytes).toBe(whole.length)
  let seen = ''
  for await (const text of ogent.commands.attach(command_id).stdout) seen += text
  expect(seen.length).toBeGreaterThan(0)
  expect(whole.startsWith(seen)).toBe(true)
  expect(seen).not.toBe(whole)
}, 60_000)
