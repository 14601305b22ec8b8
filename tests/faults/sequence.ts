import { setTimeout as sleep } from 'node:timers/promises'
import type { Plant } from './plant.js'
import type { Random } from './random.js'
import type { SharedPlant } from './shared-plant.js'

/** One fault of a sequence; gives what it did, for the message of a failed check. */
export type Fault = () => Promise<string>

/** What can be done to the controllers and the link of one kind of plant. */
export type Faults = {
  /** Decides by which controller the next commands are made, until `spread`. */
  aim(random: Random): void
  /** From here on, whoever lives serves the SDK. */
  spread(): void
  some(random: Random): Fault
  /** Starts what does not run. */
  mend(): Promise<void>
  killAgent(): Promise<void>
}

/** kill -9 and orderly stops of the one controller, and cuts of the link. */
export function embeddedFaults(plant: Plant): Faults {
  const mend = async () => {
    plant.agentProxy.resume()
    if (!plant.controller.running) plant.startController()
    if (!plant.agent.running) plant.startAgent()
    await plant.controllerReady()
  }
  return {
    aim() {},
    spread() {},
    some: (random) => {
      const pause = random.int(0, 1500)
      const how = random.pick(['rst', 'fin'] as const)
      return random.pick<Fault>([
        async () => {
          await plant.controller.kill()
          await sleep(pause)
          plant.startController()
          return `kill -9 of the controller, which is back after ${pause} ms`
        },
        async () => {
          if (plant.controller.running) await plant.controller.stop()
          await sleep(pause)
          plant.startController()
          return `a stop of the controller, which is back after ${pause} ms`
        },
        async () => {
          plant.agentProxy.cut(how)
          return 'a cut of the link'
        },
        () => lose(plant.agentProxy, pause),
      ])
    },
    mend,
    killAgent: () => plant.agent.kill(),
  }
}

/** kill -9, stops and starts of either controller, moves of the agent to and fro, and restarts of Redis. */
export function sharedFaults(plant: SharedPlant): Faults {
  const end = async (index: number, how: 'kill' | 'stop') => {
    const role = plant.controller(index)
    if (!role.running) {
      plant.startController(index)
      return `a start of controller ${index}`
    }
    await (how === 'kill' ? role.kill() : role.stop())
    return `${how} of controller ${index}`
  }
  return {
    aim(random) {
      plant.sdkTarget = random.int(0, 1)
    },
    spread() {
      plant.sdkTarget = undefined
    },
    some: (random) => {
      const index = random.int(0, 1)
      const pause = random.int(0, 1500)
      const how = random.pick(['rst', 'fin'] as const)
      return random.pick<Fault>([
        () => end(index, 'kill'),
        () => end(index, 'kill'),
        () => end(index, 'stop'),
        async () => {
          plant.agentFavourite = index
          plant.agentProxy.cut(how)
          return `a move of the agent to controller ${index}`
        },
        async () => {
          plant.agentFavourite = index
          const lost = await lose(plant.agentProxy, Math.min(pause, 500))
          return `${lost}, and a move of the agent to controller ${index}`
        },
        async () => {
          await plant.redis.end(how === 'rst' ? 'SIGKILL' : 'SIGTERM')
          await sleep(pause)
          await plant.redis.begin()
          return `a restart of Redis, which is back after ${pause} ms`
        },
      ])
    },
    async mend() {
      plant.agentProxy.resume()
      for (const [index, role] of plant.controllers.entries()) if (!role.running) plant.startController(index)
      if (!plant.agent.running) plant.startAgent()
      await Promise.all(plant.controllers.map((role) => role.says(/^Ogent controller on/)))
    },
    killAgent: () => plant.agent.kill(),
  }
}

/** What is on its way is lost, and then the link. */
async function lose(proxy: Plant['agentProxy'], ms: number): Promise<string> {
  proxy.swallow()
  await sleep(ms)
  proxy.cut('rst')
  proxy.resume()
  return `a link that passed nothing on for ${ms} ms, and its cut`
}
