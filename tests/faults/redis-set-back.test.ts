import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { needs } from '../support/services.js'
import { AGENT_ID } from './plant.js'
import { Probe, patiently, someWork, startsOf } from './probe.js'
import { randomFor } from './random.js'
import { rounds } from './scale.js'
import { SharedPlant } from './shared-plant.js'
import { report, Tally } from './tally.js'

afterAll(report)

const LONG = { timeout: 600_000 }
/** What Redis may lose is 2 s old at most; a round in which this machine took longer than that tells nothing, in ms. */
const LOST_AT_MOST_MS = 3000

describe.skipIf(needs('redis-server')).concurrent('Redis that comes back without its last writes', () => {
  test('loses nothing when they were acknowledged shortly before', LONG, async () => {
    const random = randomFor('redis set back')
    await using plant = await SharedPlant.start()
    const ogent = plant.client()
    const tally = new Tally('Redis: kill -9 of Redis, its last writes are gone')
    for (let faults = 0; faults < rounds(3, 20); ) {
      const markedAt = performance.now()
      if (faults % 2 === 0) await plant.redis.mark()
      const work = { lines: 2000, bursts: 4, pauseSeconds: 0.5 }
      const probes = Array.from({ length: 5 }, () => new Probe(plant, ogent, someWork(random, work)))
      if (faults % 2 === 1) {
        for (const probe of probes) await probe.seen(1)
        await plant.redis.mark()
      }
      for (const probe of probes) await probe.seen(3)
      if (performance.now() - markedAt < LOST_AT_MOST_MS) {
        await plant.redis.loseSince(() => sleep(random.int(0, 500)))
        tally.fault()
        faults += 1
      }
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test(
    'ends every command, and says what is missing, when they are older than the controllers remember',
    LONG,
    async () => {
      await using plant = await SharedPlant.start()
      const ogent = plant.client()
      const probe = new Probe(plant, ogent, {
        lines: 40,
        bursts: 40,
        pauseSeconds: 0.5,
        errLines: 0,
        exitCode: 7,
      })
      await probe.seen(3)
      await plant.redis.mark()
      await probe.seen(18)
      await plant.redis.loseSince()
      const outcome = await patiently(Promise.resolve(probe.run), 120_000)
      expect(outcome, plant.logs).toMatchObject({ status: 'error', exit_code: 7 })
      expect(outcome.reason).toContain('was set back to an earlier state')
      expect(startsOf(plant, probe.command_id)).toBe(1)
      // The agent serves on.
      expect(await ogent.execute({ agent_id: AGENT_ID, command: 'echo on' })).toMatchObject({
        stdout: 'on\n',
      })
    },
  )
})
