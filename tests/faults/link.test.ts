import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, test } from 'vitest'
import { until } from '../support/processes.js'
import type { Tamperer } from '../support/proxy.js'
import { Plant } from './plant.js'
import { Probe, someWork } from './probe.js'
import { randomFor } from './random.js'
import { long, rounds } from './scale.js'
import { report, Tally } from './tally.js'

afterAll(report)

/** Words on the wire between agent and controller, by the stage of a command at which they pass. */
const stages: Record<string, (command_id: string) => Tamperer> = {
  'before the order arrives': (id) => once('cut', (text, way) => way === 'down' && isOrder(text, id)),
  'after the order, before the ack': (id) =>
    once('pass-and-cut', (text, way) => way === 'down' && isOrder(text, id)),
  'with the ack on its way': (id) =>
    once('cut', (text, way) => way === 'up' && text.includes(id) && text.includes('"kind":"started"')),
  'in mid-output': (id) =>
    once('cut', (text, way) => way === 'up' && text.includes(id) && text.includes('"kind":"output"')),
  'between the last output and the result': (id) =>
    once('cut', (text, way) => way === 'up' && text.includes(id) && text.includes('"kind":"result"')),
  'after the result, before its receipt': (id) => {
    let told = false
    return (frame, way) => {
      if (way === 'up' && frame.text.includes(id) && frame.text.includes('"kind":"result"')) told = true
      if (!told || way !== 'down' || !frame.text.includes('"receipts"')) return 'pass'
      told = false
      return 'cut'
    }
  },
}

describe('a link that is cut', () => {
  test.each(Object.keys(stages))('%s loses nothing', { timeout: 280_000 }, async (stage) => {
    const random = randomFor(stage)
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally(`link cut ${stage}`)
    const make = stages[stage]
    if (!make) throw new Error('unreachable: the title is a key')
    for (let round = 0; round < rounds(2, 25); round++) {
      const work = someWork(random, { lines: random.pick([50, 1000, 20_000]) })
      const command_id = `cut-${round}-${random.int(0, 1e9)}`
      const broken = plant.agentProxy.broken
      plant.agentProxy.tamper = make(command_id)
      const probe = new Probe(plant, ogent, work, { command_id })
      tally.add(await probe.verdict())
      // The end is told before its receipt is on its way.
      await until('the link was cut', () => plant.agentProxy.broken > broken)
      tally.fault(plant.agentProxy.broken - broken)
    }
    tally.check(plant.logs)
  })

  const lengths: [number, ...number[]] = long ? [3, 30] : [3]
  test.each(lengths)('for %i s at any moment loses nothing', { timeout: 280_000 }, async (seconds) => {
    const random = randomFor(`for ${seconds} s`)
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally(`link cut for ${seconds} s`)
    for (let round = 0; round < rounds(1, 3); round++) {
      const probes = Array.from({ length: 8 }, () => new Probe(plant, ogent, someWork(random)))
      await sleep(random.int(0, 700))
      plant.agentProxy.close(random.pick(['rst', 'fin']))
      tally.fault()
      // Orders given while the link is down wait for it.
      probes.push(new Probe(plant, ogent, someWork(random)))
      await sleep(seconds * 1000)
      plant.agentProxy.resume()
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test('between the SDK and the controller loses nothing', { timeout: 280_000 }, async () => {
    const random = randomFor('sdk')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('SDK side cut')
    for (let round = 0; round < rounds(2, 25); round++) {
      const probes = Array.from({ length: 4 }, () => new Probe(plant, ogent, someWork(random)))
      for (let cut = 0; cut < 4; cut++) {
        await sleep(random.int(0, 300))
        plant.sdkProxy.cut(random.pick(['rst', 'fin']))
        tally.fault()
      }
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test('between the SDK and the controller for 3 s loses nothing', { timeout: 240_000 }, async () => {
    const random = randomFor('sdk 3 s')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('SDK side cut for 3 s')
    const probes = Array.from({ length: 6 }, () => new Probe(plant, ogent, someWork(random)))
    await sleep(random.int(0, 500))
    plant.sdkProxy.close()
    tally.fault()
    await sleep(3000)
    plant.sdkProxy.resume()
    for (const probe of probes) tally.add(await probe.verdict())
    tally.check(plant.logs)
  })
})

describe('a link that misbehaves', () => {
  test('loses and repeats nothing when frames come twice or out of order', { timeout: 280_000 }, async () => {
    const random = randomFor('frames')
    await using plant = await Plant.start()
    const ogent = plant.client()
    const tally = new Tally('frames doubled and reordered')
    plant.agentProxy.tamper = (frame, way) => {
      // Only what an own number makes safe to repeat: reports and orders. tRPC's own words come once by law.
      const ours = way === 'up' ? frame.text.includes('"reports"') : frame.text.includes('command_event"')
      if (!ours || random.chance(0.4)) return 'pass'
      tally.fault()
      return random.pick(['twice', 'after-next'])
    }
    for (let round = 0; round < rounds(2, 20); round++) {
      const probes = Array.from({ length: 6 }, () => new Probe(plant, ogent, someWork(random)))
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })
})

function isOrder(text: string, command_id: string): boolean {
  return text.includes('execute_command_event') && text.includes(command_id)
}

/** Does this to the first frame that matches, and passes all others. */
function once(
  what: 'cut' | 'pass-and-cut',
  matches: (text: string, way: 'up' | 'down') => boolean,
): Tamperer {
  let done = false
  return (frame, way) => {
    if (done || !matches(frame.text, way)) return 'pass'
    done = true
    return what
  }
}
