import type { Place } from '../callers/caller.js'
import type { Options } from '../options.js'
import type { Peer } from '../peers.js'
import type { BenchProcess, Processes } from '../process.js'
import type { Workshop } from '../workshop.js'

/** What a system is made with. */
export type Stage = { options: Options; workshop: Workshop; processes: Processes }

/** What a process of a peer does; memory and CPU time are told by it. */
export const parts = ['caller', 'controller', 'agent'] as const
export type Part = (typeof parts)[number]

/** One peer, up and running. */
export type System = {
  peer: Peer
  place: Place
  driver: BenchProcess
  /** Process ids by part; what they started counts to them. */
  pids: Record<Part | 'noSpawnAgent', number[]>
  /** Brings up the agents of work 5; gives what is to be stopped afterwards. */
  startFleet(agents: string[]): Promise<BenchProcess[]>
}

/** The process from which a peer's commands are asked for. */
export async function startDriver(
  stage: Stage,
  place: Place,
  name: string = place.peer,
): Promise<BenchProcess> {
  const { processes, workshop } = stage
  const driver = await processes.node(`${name} caller`, workshop.script('driver'), { given: place })
  await driver.ready()
  return driver
}

/** Cuts a list into so many parts of about the same length. */
export function cut<T>(items: T[], count: number): T[][] {
  const size = Math.ceil(items.length / count)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size)).filter(
    (part) => part.length > 0,
  )
}
