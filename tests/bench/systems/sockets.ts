import { spread } from '../options.js'
import { AGENT, NO_SPAWN_AGENT } from '../peers.js'
import type { BenchProcess } from '../process.js'
import { cut, type Stage, type System, startDriver } from './system.js'

/** The two peers that are written here, on bare ws and on socket.io: same roles, same shape. */
export type SocketPeer = 'relay' | 'socketio'

export async function startSockets(stage: Stage, peer: SocketPeer): Promise<System> {
  const controller = await startSocketController(stage, peer)
  const { url = '' } = await controller.ready()
  const agents = (names: string[], spawns: boolean) => startSocketAgents(stage, peer, url, names, spawns)
  const agent = await agents([AGENT], true)
  const noSpawn = await agents([NO_SPAWN_AGENT], false)
  const place = { peer, url }
  const driver = await startDriver(stage, place)
  return {
    peer,
    place,
    driver,
    pids: {
      caller: [driver.pid],
      controller: [controller.pid],
      agent: [agent.pid],
      noSpawnAgent: [noSpawn.pid],
    },
    startFleet: (names) => Promise.all(cut(names, spread).map((some) => agents(some, true))),
  }
}

export function startSocketController(
  stage: Stage,
  peer: SocketPeer,
  node: string[] = [],
): Promise<BenchProcess> {
  const script = stage.workshop.script(`roles/${peer}`)
  return stage.processes.node(`${peer} controller`, script, { node })
}

export async function startSocketAgents(
  stage: Stage,
  peer: SocketPeer,
  url: string,
  agents: string[],
  spawns: boolean,
): Promise<BenchProcess> {
  const script = stage.workshop.script(`roles/${peer}-agent`)
  const started = await stage.processes.node(`${peer} agent ${agents[0]}`, script, {
    given: { url, agents, spawns },
  })
  await started.ready()
  return started
}
