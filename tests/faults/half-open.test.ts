import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { Plant } from './plant.js'
import { Probe, someWork } from './probe.js'
import { randomFor } from './random.js'
import { report, Tally } from './tally.js'

afterAll(report)

// They mostly wait for heartbeats: all at once.
describe.concurrent('a connection that is half-open', () => {
  test.each(['stall', 'swallow'] as const)(
    'is noticed by both sides within 15 s when the peer is gone without a close (%s)',
    { timeout: 240_000 },
    async (how) => {
      const random = randomFor(how)
      await using plant = await Plant.start()
      const ogent = plant.client()
      const tally = new Tally(`half-open link (${how})`)
      const probes = Array.from(
        { length: 4 },
        () => new Probe(plant, ogent, someWork(random, { bursts: 5, pauseSeconds: 0.5 })),
      )
      await sleep(random.int(100, 2000))
      const began = performance.now()
      plant.agentProxy[how]()
      tally.fault()
      const noticed = async (what: Promise<unknown>) => {
        await what
        return (performance.now() - began) / 1000
      }
      const seconds = await Promise.all([
        noticed(plant.agentGone(20_000)),
        noticed(plant.agent.says(/not connected to the controller/)),
      ])
      expect(Math.max(...seconds), `noticed after ${seconds} s`).toBeLessThan(15)
      plant.agentProxy.resume()
      for (const probe of probes) tally.add(await probe.verdict())
      tally.check(plant.logs)
    },
  )

  test('is replaced by the SDK within 15 s when the controller is gone without a close', {
    timeout: 240_000,
  }, async () => {
    const random = randomFor('sdk half-open')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('half-open SDK')
    const probe = new Probe(plant, ogent, someWork(random, { lines: 1000, bursts: 4, pauseSeconds: 1 }))
    await probe.seen(2)
    plant.sdkProxy.swallow()
    tally.fault()
    await sleep(100)
    // What is dialled from now on works; what was open stays deaf.
    plant.sdkProxy.resume()
    const began = performance.now()
    tally.add(await probe.verdict())
    expect(performance.now() - began).toBeLessThan(60_000)
    tally.check(plant.logs)
  })
})
