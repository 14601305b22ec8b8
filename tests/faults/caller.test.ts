import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/shared/id.js'
import { processesOf, until } from '../support/processes.js'
import { Role } from '../support/roles.js'
import { AGENT_ID, credentials, Plant } from './plant.js'
import { Probe, someWork } from './probe.js'
import { randomFor } from './random.js'
import { rounds } from './scale.js'
import { report, Tally } from './tally.js'

afterAll(report)

const LONG = { timeout: 300_000 }

/** A program that runs one command by the SDK and says when its output comes. */
function caller(url: string, request: object): Role {
  return Role.script(`
    const { createOgentClient } = await import(dist + 'client/index.js')
    const ogent = createOgentClient(${JSON.stringify({ url, ...credentials })})
    const run = ogent.execute(${JSON.stringify({ agent_id: AGENT_ID, ...request })})
    for await (const chunk of run.stdout) console.log('got', chunk)
  `)
}

describe('a caller that is killed', () => {
  test("ends its command with on_disconnect: 'cancel'", LONG, async () => {
    const random = randomFor('on_disconnect')
    await using plant = await Plant.start()
    for (let round = 0; round < rounds(3, 20); round++) {
      const command_id = newId()
      const command = 'sleep 300 & echo on; wait'
      await using program = caller(plant.directUrl, { command, command_id, on_disconnect: 'cancel' })
      await program.says(/^got on/)
      await sleep(random.int(0, 100))
      expect(processesOf(command_id).length).toBeGreaterThan(0)
      program.signal('SIGKILL')
      await until('the process group is gone', () => processesOf(command_id).length === 0)
    }
  })

  test('leaves its command running otherwise', LONG, async () => {
    await using plant = await Plant.start()
    const command_id = newId()
    await using program = caller(plant.directUrl, { command: 'echo on; sleep 1; echo off', command_id })
    await program.says(/^got on/)
    await program.kill()
    const outcome = await plant.client().commands.attach(command_id)
    expect(outcome).toMatchObject({ status: 'success', stdout: 'on\noff\n' })
  })
})

describe('a token that expires', () => {
  test('is renewed while a command runs, on both sides of the controller', LONG, async () => {
    const random = randomFor('token')
    await using plant = await Plant.start({ controller: { ACCESS_TOKEN_EXPIRE_MINUTES: '0.04' } })
    const ogent = plant.client()
    const tally = new Tally('token expired meanwhile')
    for (let round = 0; round < rounds(1, 6); round++) {
      const work = { lines: 1000, bursts: 5, pauseSeconds: 1 }
      const probes = Array.from({ length: 3 }, () => new Probe(plant, ogent, someWork(random, work)))
      for (const probe of probes) await probe.seen(2)
      await sleep(2500)
      for (const proxy of [plant.sdkProxy, plant.agentProxy]) {
        proxy.cut()
        tally.fault()
      }
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })
})

describe("the controller's wall clock", () => {
  test.each([-3600, 3600])('that jumps by %i s does not affect later orders', LONG, async (seconds) => {
    const random = randomFor(`clock ${seconds}`)
    await using plant = await Plant.start({ controller: { NODE_OPTIONS: jumpOnSignal(seconds) } })
    const ogent = plant.client()
    const tally = new Tally(`clock jumps by ${seconds} s`)
    tally.add(await new Probe(plant, ogent, someWork(random)).verdict())
    plant.controller.signal('SIGUSR2')
    await plant.controller.says(/^the clock has jumped/)
    tally.fault()
    for (let round = 0; round < 3; round++) {
      const probe = new Probe(plant, ogent, someWork(random), { deliver_within_seconds: 10 })
      tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })
})

/** Makes a process take SIGUSR2 as a jump of its wall clock. */
function jumpOnSignal(seconds: number): string {
  const code = `
    const Real = Date
    let shift = 0
    globalThis.Date = class extends Real {
      constructor(...given) {
        if (given.length > 0) super(...given)
        else super(Real.now() + shift)
      }
      static now() {
        return Real.now() + shift
      }
    }
    process.on('SIGUSR2', () => {
      shift = ${seconds * 1000}
      console.log('the clock has jumped')
    })
  `
  return `--import=data:text/javascript,${encodeURIComponent(code)}`
}
