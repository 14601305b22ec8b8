import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { until } from '../support/processes.js'
import { needs } from '../support/services.js'
import { AGENT_ID } from './plant.js'
import { Probe, someWork } from './probe.js'
import { type Random, randomFor } from './random.js'
import { long, rounds } from './scale.js'
import { SharedPlant } from './shared-plant.js'
import { report, Tally } from './tally.js'

afterAll(report)

const LONG = { timeout: 600_000 }

/** Works on for about two seconds. */
const steady = (random: Random) => someWork(random, { lines: 2000, bursts: 4, pauseSeconds: 0.5 })

// Each has a Redis and two controllers of its own, and mostly waits.
describe.skipIf(needs('redis-server')).concurrent('two controllers on one Redis', () => {
  test('lose nothing and start nothing twice when either is killed while commands run', LONG, async () => {
    const random = randomFor('kill a controller of two')
    await using plant = await SharedPlant.start()
    const ogent = plant.client()
    const tally = new Tally('Redis: kill -9 of a controller of two')
    for (let round = 0; round < rounds(3, 20); round++) {
      const probes = Array.from({ length: 6 }, () => new Probe(plant, ogent, someWork(random)))
      await sleep(random.int(0, 900))
      // The agent is at controller 0 at first, and after a kill at the one that is left.
      const victim = round % 2
      await plant.controller(victim).kill()
      tally.fault()
      await sleep(random.int(0, 500))
      plant.startController(victim)
      for (const probe of probes) tally.add(await probe.verdict())
      await plant.controller(victim).says(/^Ogent controller on/)
    }
    tally.check(plant.logs)
  })

  test(
    'hand over the agent at once, with its commands, when the one with its link is killed',
    LONG,
    async () => {
      const random = randomFor('kill the holder')
      await using plant = await SharedPlant.start()
      plant.sdkTarget = 1
      const ogent = plant.client()
      const tally = new Tally('Redis: kill -9 of the controller with the agent')
      const probes = Array.from({ length: 6 }, () => new Probe(plant, ogent, steady(random)))
      for (const probe of probes) await probe.seen(2)
      await plant.controller(0).kill()
      tally.fault()
      tally.add(await new Probe(plant, ogent, someWork(random)).verdict())
      for (const probe of probes) tally.add(await probe.verdict())
      tally.check(plant.logs)
    },
  )

  test('report a command as lost when one is killed together with the agent', LONG, async () => {
    await using plant = await SharedPlant.start({ controller: { AGENT_GRACE_SECONDS: '1' } })
    plant.sdkTarget = 1
    const run = plant.client().execute({ agent_id: AGENT_ID, command: 'echo on; sleep 300' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    await Promise.all([plant.controller(0).kill(), plant.agent.kill()])
    expect(await run, plant.logs).toMatchObject({ status: 'lost', stdout: 'on\n', exit_code: null })
    const states: string[] = []
    for await (const event of plant.client().commands.attach(run.command_id)) {
      if (event.type === 'command_progress') states.push(event.state)
    }
    expect(states).toEqual(['started', 'output', 'agent_lost'])
    plant.endLeftBehind(run.command_id)
  })

  test(
    "cancel a command, with on_disconnect: 'cancel', when the controller of its subscriber is killed",
    LONG,
    async () => {
      await using plant = await SharedPlant.start({ controller: { AGENT_GRACE_SECONDS: '1' } })
      plant.sdkTarget = 1
      const caller = plant.client()
      const run = caller.execute({
        agent_id: AGENT_ID,
        command: 'echo on; sleep 300',
        on_disconnect: 'cancel',
      })
      for await (const chunk of run.stdout) if (chunk.includes('on')) break
      await plant.controller(1).kill()
      await caller.close()
      const left = plant.client(plant.url(0)).commands.attach(run.command_id)
      expect(await left, plant.logs).toMatchObject({ status: 'cancelled' })
    },
  )

  test('lose nothing when Redis is killed and comes back with its data', LONG, async () => {
    const random = randomFor('redis restart')
    await using plant = await SharedPlant.start()
    const ogent = plant.client()
    const tally = new Tally('Redis: kill -9 of Redis, restarted with its data')
    for (let round = 0; round < rounds(2, 15); round++) {
      const probes = Array.from({ length: 5 }, () => new Probe(plant, ogent, steady(random)))
      for (const probe of probes) await probe.seen(2)
      await plant.redis.end('SIGKILL')
      tally.fault()
      await sleep(random.int(0, 500))
      await plant.redis.begin()
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test.each(long ? (['ended', 'frozen'] as const) : (['ended'] as const))(
    'keep commands running, refuse new ones with the reason, and lose nothing when Redis is %s for 10 s',
    LONG,
    async (how) => {
      const random = randomFor(`redis away ${how}`)
      await using plant = await SharedPlant.start()
      const ogent = plant.client()
      const tally = new Tally(`Redis: ${how} for 10 s under load`)
      const works = { lines: 3000, bursts: 12, pauseSeconds: 1 }
      const probes = Array.from({ length: 5 }, () => new Probe(plant, ogent, someWork(random, works)))
      for (const probe of probes) await probe.seen(2)
      const token = await plant.token(0)
      if (how === 'ended') await plant.redis.end('SIGTERM')
      else plant.redis.signal('SIGSTOP')
      tally.fault()
      let back = false
      const away = sleep(10_000).then(() => {
        back = true
      })
      const reply = await fetch(`${plant.url(0)}/agents/${AGENT_ID}/execute`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ command: `touch ${plant.folder}/refused` }),
      })
      const body = (await reply.json()) as { code: string; detail: string }
      expect({ status: reply.status, code: body.code }, body.detail).toEqual({
        status: 503,
        code: 'UNAVAILABLE',
      })
      expect(body.detail).toContain('Redis cannot be used now')
      // The answer did not wait for Redis.
      expect(back).toBe(false)
      const headers = { authorization: `Bearer ${token}` }
      const ready = await fetch(`${plant.url(0)}/ready`, { headers })
      expect(ready.status).toBe(503)
      expect(await ready.json()).toMatchObject({ dependencies: { redis: expect.stringContaining('Redis') } })
      await away
      if (how === 'ended') await plant.redis.begin()
      else plant.redis.signal('SIGCONT')
      for (const probe of probes) tally.add(await probe.verdict())
      // What was refused was not done later, behind the back of who asked.
      const seen = await ogent.execute({ agent_id: AGENT_ID, command: `ls ${plant.folder}` })
      expect(seen.stdout).not.toContain('refused')
      tally.check(plant.logs)
    },
  )

  test('report that Redis is full, and store the rest when it has room again', LONG, async () => {
    const random = randomFor('redis full')
    await using plant = await SharedPlant.start({ redis: ['maxmemory-policy noeviction'] })
    const ogent = plant.client()
    const tally = new Tally('Redis: full')
    for (let round = 0; round < rounds(1, 8); round++) {
      const work = { lines: 60_000, bursts: 4, pauseSeconds: 0.5, errLines: 3 }
      const probes = Array.from({ length: 3 }, () => new Probe(plant, ogent, someWork(random, work)))
      for (const probe of probes) await probe.seen(3)
      using client = plant.redis.client()
      await client.config('SET', 'maxmemory', '1mb')
      tally.fault()
      const headers = {
        authorization: `Bearer ${await plant.token(1)}`,
        'content-type': 'application/json',
      }
      const reply = await fetch(`${plant.url(1)}/agents/${AGENT_ID}/execute`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ command: 'true' }),
      })
      const body = (await reply.json()) as { detail: string }
      expect(reply.status, body.detail).toBe(503)
      expect(body.detail).toContain('it is full')
      // Longer than a lease: who cannot write lives all the same.
      await sleep(long ? 20_000 : 2000)
      await client.config('SET', 'maxmemory', '0')
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test('are slower, and otherwise the same, when Redis has a latency of 50 ms', LONG, async () => {
    const random = randomFor('redis slow')
    await using plant = await SharedPlant.start()
    const ogent = plant.client()
    const tally = new Tally('Redis: 50 ms away')
    plant.redisProxy.delayMs = 50
    tally.fault()
    for (let round = 0; round < rounds(1, 6); round++) {
      const probes = Array.from({ length: 8 }, () => new Probe(plant, ogent, someWork(random)))
      for (const probe of probes) tally.add(await probe.verdict())
    }
    tally.check(plant.logs)
  })

  test('keep all of the commands of an agent that moves between them again and again', LONG, async () => {
    const random = randomFor('moves')
    await using plant = await SharedPlant.start({ controller: { AGENT_GRACE_SECONDS: '30' } })
    const ogent = plant.client()
    const tally = new Tally('Redis: the agent moves to and fro')
    const probes = Array.from({ length: 6 }, () => new Probe(plant, ogent, steady(random)))
    for (let move = 0; move < rounds(6, 60); move++) {
      await sleep(random.int(50, 600))
      plant.agentTarget = move % 2
      plant.agentProxy.cut(random.pick(['rst', 'fin']))
      tally.fault()
      if (long && probes.length < 60) probes.push(new Probe(plant, ogent, steady(random)))
    }
    for (const probe of probes) tally.add(await probe.verdict())
    await until('the agent is connected', async () => {
      const { status } = await ogent.trpc.agents.get.query({ agent_id: AGENT_ID })
      return status === 'connected'
    })
    tally.check(plant.logs)
  })
})
