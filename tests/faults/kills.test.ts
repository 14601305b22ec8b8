import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { processesOf } from '../support/processes.js'
import { AGENT_ID, Plant } from './plant.js'
import { Probe, someWork } from './probe.js'
import { type Random, randomFor } from './random.js'
import { rounds } from './scale.js'
import { report, Tally } from './tally.js'

afterAll(report)

const LONG = { timeout: 600_000 }

type Victim = 'agent' | 'controller' | 'both'

async function killAndRestart(plant: Plant, victim: Victim, random: Random): Promise<void> {
  const dead: Promise<void>[] = []
  if (victim !== 'controller') dead.push(plant.agent.kill())
  if (victim !== 'agent') dead.push(plant.controller.kill())
  await Promise.all(dead)
  await sleep(random.int(0, 300))
  if (victim !== 'agent') plant.startController()
  if (victim !== 'controller') plant.startAgent()
  if (victim !== 'agent') await plant.controllerReady()
  if (victim !== 'controller') await plant.agentRegistered()
}

describe('kill -9', () => {
  test.each<Victim>(['controller', 'agent', 'both'])(
    'of %s loses nothing and runs nothing twice',
    LONG,
    async (victim) => {
      const random = randomFor(`kill ${victim}`)
      await using plant = await Plant.start()
      const ogent = plant.client()
      const tally = new Tally(`kill -9 of ${victim}`)
      for (let round = 0; round < rounds(2, 25); round++) {
        const probes = Array.from({ length: 6 }, () => new Probe(plant, ogent, someWork(random)))
        await sleep(random.int(0, 900))
        await killAndRestart(plant, victim, random)
        tally.fault()
        for (const probe of probes) tally.add(await probe.verdict(), victim !== 'controller')
      }
      tally.check(plant.logs)
    },
  )

  test('of the agent at the moment of a result does not replace a true end by a guess', LONG, async () => {
    const random = randomFor('kill at the result')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('kill -9 of agent before it knows of the receipt')
    for (let round = 0; round < rounds(2, 10); round++) {
      // The controller has the result, and the agent dies without having heard so.
      let told = false
      plant.agentProxy.tamper = (frame, way) => {
        if (way === 'up' && frame.text.includes('"kind":"result"')) told = true
        if (!told || way === 'up' || !frame.text.includes('"receipts"')) return 'pass'
        plant.agent.signal('SIGKILL')
        return 'cut'
      }
      const probe = new Probe(plant, ogent, someWork(random))
      const verdict = await probe.verdict()
      await plant.agent.exited
      plant.agentProxy.tamper = undefined
      plant.startAgent()
      await plant.agentRegistered()
      tally.fault()
      tally.add(verdict)
      // A later command on the same link: by its end the agent's last word on the first one has come.
      tally.add(await new Probe(plant, ogent, someWork(random)).verdict())
      const now = await ogent.commands.get(probe.command_id)
      expect(now.status).toBe(verdict.outcome?.status)
      const again = await ogent.commands.attach(probe.command_id)
      expect(again.status).toBe(verdict.outcome?.status)
    }
    tally.check(plant.logs)
  })

  test('of the agent ends the orphaned process groups, and reports the command as lost', LONG, async () => {
    await using plant = await Plant.start()
    const ogent = plant.client()
    const run = ogent.execute({ agent_id: AGENT_ID, command: 'setsid sleep 300 & sleep 300 & echo on; wait' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    await plant.agent.kill()
    expect(processesOf(run.command_id).length).toBeGreaterThan(0)
    plant.startAgent()
    expect(await run).toMatchObject({
      status: 'lost',
      exit_code: null,
      stdout: 'on\n',
      reason: expect.stringContaining('restarted'),
    })
    expect(processesOf(run.command_id)).toEqual([])
  })
})
