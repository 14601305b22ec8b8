import { type Stage, type System, startDriver } from './system.js'

export async function startFloor(stage: Stage): Promise<System> {
  const place = { peer: 'floor' } as const
  const driver = await startDriver(stage, place)
  return {
    peer: 'floor',
    place,
    driver,
    pids: { caller: [driver.pid], controller: [], agent: [], noSpawnAgent: [] },
    startFleet: async () => [],
  }
}
