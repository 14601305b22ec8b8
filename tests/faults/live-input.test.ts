import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { AGENT_ID, Plant } from './plant.js'

const LONG = { timeout: 600_000 }
const SIZE = 4 * 1024 * 1024

describe('kill -9 of the controller', () => {
  test('loses and doubles nothing of what a command reads', LONG, async () => {
    await using plant = await Plant.start()
    const bytes = randomBytes(SIZE)
    let kills = 0
    const killed: Promise<void>[] = []
    const restart = async () => {
      await plant.controller.kill()
      plant.startController()
      await plant.controllerReady()
    }
    const stdin = async function* () {
      for (let at = 0; at < SIZE; at += 50_000) {
        yield bytes.subarray(at, at + 50_000)
        if (at < kills * 1_500_000 + 700_000) continue
        kills += 1
        await Promise.all(killed)
        killed.push(restart())
        // Not in step with what is under way.
        await sleep(7 * kills)
      }
    }
    const run = plant.client().execute({ agent_id: AGENT_ID, command: 'sha256sum; echo end', stdin: stdin() })
    const outcome = await run
    await Promise.all(killed)
    const hash = createHash('sha256').update(bytes).digest('hex')
    expect(outcome, plant.logs).toMatchObject({ status: 'success', stdout: `${hash}  -\nend\n` })
    expect(kills).toBeGreaterThan(1)
  })
})

describe('kill -9 of the agent', () => {
  test('ends the command and the writing to it', LONG, async () => {
    await using plant = await Plant.start()
    const run = plant.client().execute({ agent_id: AGENT_ID, command: 'cat', open_stdin: true })
    await run.stdin.write('one')
    await plant.agent.kill()
    const write = run.stdin.write('x'.repeat(1_000_000))
    plant.startAgent()
    await expect(write).rejects.toMatchObject({ code: expect.stringMatching(/^(?:CLOSED|COMMAND_ENDED)$/) })
    expect(await run).toMatchObject({ status: 'lost' })
  })
})
