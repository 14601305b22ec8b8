import { afterAll, describe, test } from 'vitest'
import { Plant } from './plant.js'
import { Probe, someWork } from './probe.js'
import { randomFor } from './random.js'
import { rounds } from './scale.js'
import { report, Tally } from './tally.js'

afterAll(report)

const AT_ONCE = 6

describe('a soak', () => {
  test('of many commands with a cut every second loses, repeats and shortens no output', {
    timeout: 900_000,
  }, async () => {
    const random = randomFor('soak')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('soak: a cut every second')
    const cutter = setInterval(() => {
      const proxy = random.chance(0.7) ? plant.agentProxy : plant.sdkProxy
      if (proxy.connections === 0) return
      proxy.cut(random.pick(['rst', 'fin']))
      tally.fault()
    }, 1000)
    try {
      let left = rounds(60, 400)
      const worker = async () => {
        while (left > 0) {
          left -= 1
          tally.add(await new Probe(plant, ogent, someWork(random)).verdict())
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
    } finally {
      clearInterval(cutter)
    }
    tally.check(plant.logs)
  })
})
