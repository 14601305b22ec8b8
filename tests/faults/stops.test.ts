import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { processesOf } from '../support/processes.js'
import { AGENT_ID, Plant } from './plant.js'
import { Probe, someWork, startsOf } from './probe.js'
import { randomFor } from './random.js'
import { rounds } from './scale.js'
import { report, Tally } from './tally.js'

afterAll(report)

const LONG = { timeout: 600_000 }

// Each has a plant of its own, and mostly waits.
describe.concurrent('an orderly stop', () => {
  test('of the controller leaves commands running and ends with 0', LONG, async () => {
    const random = randomFor('stop controller')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('SIGTERM of controller')
    for (let round = 0; round < rounds(2, 15); round++) {
      const probes = Array.from({ length: 5 }, () => new Probe(plant, ogent, someWork(random)))
      await sleep(random.int(0, 800))
      expect(await plant.controller.stop(), plant.logs).toBe(0)
      tally.fault()
      plant.startController()
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test('of the agent lets commands end within the drain time and ends with 0', LONG, async () => {
    const random = randomFor('stop agent')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('SIGTERM of agent')
    for (let round = 0; round < rounds(2, 15); round++) {
      const probes = Array.from({ length: 5 }, () => new Probe(plant, ogent, someWork(random)))
      // An order that came after the signal would be refused, as it should be.
      for (const probe of probes) await probe.seen(2)
      expect(await plant.agent.stop(), plant.logs).toBe(0)
      tally.fault()
      plant.startAgent()
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test('of the agent still delivers the results when its link is down meanwhile', LONG, async () => {
    const random = randomFor('stop agent offline')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('SIGTERM of agent while the link is down')
    const work = { lines: 1000, bursts: 2, pauseSeconds: 0.3 }
    const probes = Array.from({ length: 3 }, () => new Probe(plant, ogent, someWork(random, work)))
    for (const probe of probes) await probe.seen(2)
    plant.agentProxy.close()
    tally.fault()
    const stopped = plant.agent.stop()
    await sleep(1500)
    plant.agentProxy.resume()
    expect(await stopped, plant.logs).toBe(0)
    plant.startAgent()
    for (const probe of probes) tally.add(await probe.verdict())
    tally.check(plant.logs)
  })

  test('of the agent ends in time when a command waits for a link that stays down', LONG, async () => {
    await using plant = await Plant.start()
    const ogent = plant.client()
    const run = ogent.execute({ agent_id: AGENT_ID, command: 'echo on; sleep 0.5; cat /dev/zero' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    plant.agentProxy.close()
    expect(await plant.agent.stop(25_000), plant.logs).toBe(0)
    expect(processesOf(run.command_id)).toEqual([])
    plant.agentProxy.resume()
    plant.startAgent()
    expect(await run).toMatchObject({ status: 'lost', exit_code: null })
  })
})

describe.concurrent('an agent', () => {
  test('continues after SIGSTOP and SIGCONT, whether its link survived or not', LONG, async () => {
    const random = randomFor('sigstop')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('SIGSTOP and SIGCONT of agent')
    const work = { lines: 1000, bursts: 4, pauseSeconds: 0.3 }
    for (const seconds of [random.int(1, 3), 14]) {
      const probes = Array.from({ length: 4 }, () => new Probe(plant, ogent, someWork(random, work)))
      for (const probe of probes) await probe.seen(2)
      plant.agent.signal('SIGSTOP')
      tally.fault()
      await sleep(seconds * 1000)
      plant.agent.signal('SIGCONT')
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test('reports the true end after the grace period, which replaces lost', LONG, async () => {
    const random = randomFor('late truth')
    await using plant = await Plant.start({ controller: { AGENT_GRACE_SECONDS: '1' } })
    const ogent = plant.client()
    const tally = new Tally('late truth after the grace')
    for (let round = 0; round < rounds(1, 6); round++) {
      const work = someWork(random, { lines: 1000, bursts: 3, pauseSeconds: 1 })
      const first = new Probe(plant, ogent, work)
      await first.seen(2)
      plant.agentProxy.close()
      tally.fault()
      expect((await first.run).status).toBe('lost')
      expect((await ogent.commands.get(first.command_id)).status).toBe('lost')
      plant.agentProxy.resume()
      await plant.agentConnected()
      const truth = await ogent.commands.attach(first.command_id)
      expect(truth).toMatchObject({ exit_code: work.exitCode, reason: null })
      expect((await ogent.commands.get(first.command_id)).status).toBe(truth.status)
      expect(startsOf(plant, first.command_id)).toBe(1)
      const states: string[] = []
      for await (const event of ogent.commands.attach(first.command_id)) {
        if (event.type === 'command_progress') states.push(event.state)
      }
      expect(states).toContain('agent_lost')
      expect(states).toContain('agent_back')
      tally.add(await first.verdictOf(ogent.commands.attach(first.command_id)))
    }
    tally.check(plant.logs)
  })

  test('is refused with the id of a connected one, which continues', LONG, async () => {
    const random = randomFor('two agents')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('two agents with one id')
    const probe = new Probe(plant, ogent, someWork(random, { lines: 1000, bursts: 3, pauseSeconds: 0.3 }))
    await probe.seen(2)
    const second = plant.spawnAgent({
      AGENT_STATE_DIR: `${plant.folder}/second`,
      MAX_RECONNECT_ATTEMPTS: '1',
    })
    tally.fault()
    await second.says(/is connected already, by another instance/)
    await second.exited
    expect(second.exitCode).toBe(1)
    tally.add(await probe.verdict())
    tally.check(plant.logs)
  })

  test('does not start with the state folder of a running one', LONG, async () => {
    await using plant = await Plant.start()
    const second = plant.spawnAgent()
    await second.exited
    expect(second.exitCode).toBe(1)
    expect(second.log).toContain('is in use by the agent with process id')
  })
})
