import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Plant } from '../faults/plant.js'
import { until } from '../support/processes.js'

test('a restored backup receives the ends of commands that ran meanwhile, and shows no gap', async () => {
  await using plant = await Plant.start()
  const ogent = plant.client(plant.directUrl)
  const data = join(plant.folder, 'controller')
  const backup = join(plant.folder, 'backup')
  /** The size of what the controller has of the command now. */
  const recorded = async () => {
    let bytes = 0
    for await (const part of ogent.commands.recording(command_id)) bytes += part.length
    return bytes
  }
  const restart = async (between: () => void) => {
    plant.controller.signal('SIGTERM')
    await plant.controller.exited
    between()
    plant.startController()
    await plant.controllerReady()
    await plant.agentConnected()
  }

  // It ends when the last controller is there, however long the restarts take.
  const over = join(plant.folder, 'over')
  const command = `i=0; until [ -e ${over} ]; do i=$((i + 1)); echo line $i; sleep 0.1; done; exit 7`
  const { command_id } = await ogent.commands.start({ agent_id: 'agent-1', command })
  await until('it runs', async () => (await ogent.commands.get(command_id)).status === 'running')
  await restart(() => cpSync(data, backup, { recursive: true }))
  // The controller of the time after the backup takes reports, and the agent lets go of them.
  const atBackup = await recorded()
  await until('much more is stored', async () => (await recorded()) > atBackup + 500)
  await restart(() => {
    rmSync(data, { recursive: true })
    cpSync(backup, data, { recursive: true })
  })

  writeFileSync(over, '')
  const outcome = await ogent.commands.attach(command_id)
  expect(outcome).toMatchObject({ status: 'error', exit_code: 7, stdout_truncated: true })
  expect(outcome.reason).toContain('was set back to an earlier state')
  const whole = linesOf(outcome.stdout_bytes)
  expect(whole.length).toBe(outcome.stdout_bytes)
  let seen = ''
  for await (const text of ogent.commands.attach(command_id).stdout) seen += text
  expect(seen.length).toBeGreaterThan(0)
  expect(whole.startsWith(seen)).toBe(true)
  expect(seen).not.toBe(whole)
}, 240_000)

/** The command's lines up to so many bytes, in whole lines. */
function linesOf(bytes: number): string {
  let text = ''
  for (let line = 1; text.length < bytes; line++) text += `line ${line}\n`
  return text
}
