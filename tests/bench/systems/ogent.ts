import { randomBytes } from 'node:crypto'
import { spread } from '../options.js'
import { AGENT, NO_SPAWN_AGENT } from '../peers.js'
import { type BenchProcess, bareEnvironment } from '../process.js'
import { cut, type Stage, type System, startDriver } from './system.js'

/** Where a controller of Ogent is, and how to get in. */
export type OgentPlace = { url: string; username: string; password: string }

/** One controller and one agent, started as in production, and a caller through the SDK and one through REST. */
export async function startOgent(stage: Stage): Promise<System[]> {
  const { controller, place } = await startOgentController(stage, 'ogent')
  const agent = await startOgentAgent(stage, place)
  const noSpawn = await startBenchAgents(stage, 'no-spawn-agent', place, [NO_SPAWN_AGENT])
  const startFleet = (names: string[]) =>
    Promise.all(cut(names, spread).map((some) => startBenchAgents(stage, 'fleet-agent', place, some)))
  const systems: System[] = []
  for (const peer of ['ogent', 'rest'] as const) {
    const driver = await startDriver(stage, { peer, ...place })
    systems.push({
      peer,
      place: { peer, ...place },
      driver,
      pids: {
        caller: [driver.pid],
        controller: [controller.pid],
        agent: [agent.pid],
        noSpawnAgent: [noSpawn.pid],
      },
      startFleet,
    })
  }
  return systems
}

export async function startOgentController(
  stage: Stage,
  name: string,
  node: string[] = [],
  more: NodeJS.ProcessEnv = {},
): Promise<{ controller: BenchProcess; place: OgentPlace }> {
  const { processes, workshop } = stage
  const password = randomBytes(18).toString('base64url')
  const controller = await processes.node(`${name} controller`, workshop.cli, {
    args: ['controller'],
    node,
    ipc: false,
    env: {
      ...bareEnvironment(),
      PORT: '0',
      DATA_DIR: workshop.data(`${name}-controller`),
      ADMIN_PASSWORD: password,
      LOG_LEVEL: 'warn',
      // A bench asks for more than its default; the requests are counted all the same.
      MAX_REQUESTS_PER_MINUTE: '100000000',
      ...more,
    },
  })
  const [, url = ''] = await controller.printed(/^Ogent controller on (\S+)$/m)
  return { controller, place: { url, username: 'admin', password } }
}

export async function startOgentAgent(
  stage: Stage,
  place: OgentPlace,
  folder: string = AGENT,
): Promise<BenchProcess> {
  const { processes, workshop } = stage
  const agent = await processes.node('ogent agent', workshop.cli, {
    args: ['agent'],
    ipc: false,
    env: {
      ...bareEnvironment(),
      CONTROLLER_URL: place.url,
      AGENT_USERNAME: place.username,
      AGENT_PASSWORD: place.password,
      AGENT_ID: folder,
      AGENT_STATE_DIR: workshop.data(folder),
      LOG_LEVEL: 'info',
    },
  })
  await agent.printed(/registered with the controller/)
  return agent
}

/** A process of this bench with agents in it: real ones, or ones that start nothing. */
export async function startBenchAgents(
  stage: Stage,
  role: 'fleet-agent' | 'no-spawn-agent' | 'attached-agent',
  place: OgentPlace,
  agents: string[],
  folder = 'agents',
): Promise<BenchProcess> {
  const { processes, workshop } = stage
  const given = { ...place, agents, folder: workshop.data(folder) }
  const started = await processes.node(`ogent ${role} ${agents[0]}`, workshop.script(`roles/${role}`), {
    given,
  })
  await started.ready()
  return started
}

/** Agents of the load generator: links and nothing behind them. */
export function startAttachedAgents(
  stage: Stage,
  place: OgentPlace,
  agents: string[],
): Promise<BenchProcess> {
  return startBenchAgents(stage, 'attached-agent', place, agents)
}
