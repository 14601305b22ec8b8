import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, test } from 'vitest'
import { needs } from '../support/services.js'
import { Plant } from './plant.js'
import { type Ground, Probe } from './probe.js'
import { type Random, randomFor } from './random.js'
import { long, rounds } from './scale.js'
import { embeddedFaults, type Faults, sharedFaults } from './sequence.js'
import { SharedPlant } from './shared-plant.js'
import { report, Tally } from './tally.js'
import { someProgram } from './writer.js'

afterAll(report)

/** How long the stores are tried, both at the same time: in the long form OGENT_SOAK_MINUTES. */
const BUDGET_MS = long ? Number(process.env.OGENT_SOAK_MINUTES ?? 10) * 60_000 : 12_000
/** Sequences at one plant, before one with another MAX_RESULT_OUTPUT_BYTES takes its place. */
const PER_PLANT = rounds(3, 10)
/** One sequence alone, by its number; with the OGENT_SEED that it was found with. */
const only = process.env.OGENT_SEQUENCE

const LONG = { timeout: BUDGET_MS + 900_000 }

type Ready = Ground & AsyncDisposable & { logs: string }
type Start<P> = (controller: Record<string, string>) => Promise<P>

/** Sequences until the time is over: the same seed makes the same ones. */
async function runSequences<P extends Ready>(name: string, start: Start<P>, faultsOf: (plant: P) => Faults) {
  const tally = new Tally(`sequences: ${name}`)
  const began = performance.now()
  const numbers = only === undefined ? Array.from({ length: 100_000 }, (_, at) => at) : [Number(only)]
  for (let at = 0; at < numbers.length && (at === 0 || performance.now() - began < BUDGET_MS); ) {
    const number = numbers[at] ?? 0
    const random = randomFor(`${name}, plant of ${Math.floor(number / PER_PLANT)}`)
    const limit = random.pick(['64', '700', '20000', '1048576'])
    // A busy machine makes an agent come late, which is no fault.
    await using plant = await start({ MAX_RESULT_OUTPUT_BYTES: limit, AGENT_GRACE_SECONDS: '300' })
    for (let n = 0; n < PER_PLANT && at < numbers.length; n++, at++) {
      if (n > 0 && performance.now() - began > BUDGET_MS) break
      const next = numbers[at] ?? 0
      const told = await runSequence(randomFor(`${name} ${next}`), plant, faultsOf(plant), tally)
      tally.check(`OGENT_SEQUENCE=${next}, results of ${limit} bytes\n${told.join('\n')}\n${plant.logs}`)
    }
  }
}

/** Some commands, some faults while they run, and a look at everything that is shown of them in the end. */
async function runSequence(random: Random, plant: Ready, faults: Faults, tally: Tally): Promise<string[]> {
  const told: string[] = []
  faults.aim(random)
  const ogent = plant.client()
  const probes = Array.from({ length: random.int(2, 5) }, () => new Probe(plant, ogent, someProgram(random)))
  const steps = Array.from({ length: random.int(1, 6) }, () => ({
    pause: random.int(0, 1200),
    fault: faults.some(random),
    another: random.chance(0.2) ? someProgram(random) : undefined,
  }))
  const kills = random.chance(0.1)
  await Promise.all(probes.map((probe) => probe.seen(1)))
  faults.spread()
  for (const { pause, fault, another } of steps) {
    await sleep(pause)
    told.push(`${pause} ms, then ${await fault()}`)
    tally.fault()
    if (another) probes.push(new Probe(plant, ogent, another))
  }
  if (kills) {
    await faults.killAgent()
    told.push('kill -9 of the agent')
    tally.fault()
  }
  await faults.mend()
  const shown = random.int(0, probes.length - 1)
  for (const [at, probe] of probes.entries()) {
    if (await probe.refused()) continue
    tally.add(await probe.verdict({ everything: true, cli: at === shown }), kills)
  }
  await ogent.close()
  return told
}

describe.concurrent('any sequence of restarts, takeovers and moves', () => {
  test('keeps all of every command on the embedded store', LONG, () =>
    runSequences('embedded', (controller) => Plant.start({ controller }), embeddedFaults),
  )

  test.skipIf(needs('redis-server'))('keeps all of every command on Redis with two controllers', LONG, () =>
    runSequences('Redis', (controller) => SharedPlant.start({ controller }), sharedFaults),
  )
})
