import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { needs } from '../support/services.js'
import { AGENT_ID } from './plant.js'
import { SharedPlant } from './shared-plant.js'
import { report } from './tally.js'

afterAll(report)

const LONG = { timeout: 300_000 }

const ways: [name: string, leave: (plant: SharedPlant) => Promise<unknown>][] = [
  ['is killed', (plant) => plant.controller(0).kill()],
  ['is stopped', (plant) => plant.controller(0).stop()],
  [
    'loses the link of the agent',
    async (plant) => {
      plant.agentFavourite = 1
      plant.agentProxy.cut()
    },
  ],
]

describe.skipIf(needs('redis-server')).concurrent('the result of a command', () => {
  test.each(ways)('is complete when the controller that has its agent %s', LONG, async (_name, leave) => {
    await using plant = await SharedPlant.start()
    plant.agentFavourite = 0
    const ogent = plant.client(plant.url(1))
    const command = 'for i in $(seq 1 60); do echo $i; sleep 0.1; done; exit 5'
    const run = ogent.execute({ agent_id: AGENT_ID, command })
    let lines = 0
    for await (const text of run.stdout) {
      lines += text.split('\n').length - 1
      if (lines >= 14) break
    }
    await leave(plant)
    await sleep(800)
    await plant.redis.end('SIGTERM')
    await sleep(1500)
    await plant.redis.begin()
    await run
    const { result } = await ogent.commands.get(run.command_id)
    expect(result, plant.logs).toMatchObject({
      exit_code: 5,
      stdout: Array.from({ length: 60 }, (_, at) => `${at + 1}\n`).join(''),
      stdout_bytes: 171,
      stdout_truncated: false,
    })
  })
})
