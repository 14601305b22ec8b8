import type { Bench } from '../bench.js'
import { AGENT, NO_SPAWN_AGENT, relayed } from '../peers.js'

/** Before anything counts: compiled code, opened files and filled pools are there at every peer. */
export async function warmUp(bench: Bench): Promise<void> {
  const spawned = { agents: [AGENT], command: 'echo hi', count: 100, atOnce: 10 }
  await bench.inTurn('warm-up', bench.systems, 1, async ({ driver }) => driver.perform('burst', spawned, 60))
  const answered = { agents: [NO_SPAWN_AGENT], command: 'true', count: 500, atOnce: 50 }
  await bench.inTurn('warm-up', bench.of(relayed), 1, async ({ driver }) =>
    driver.perform('burst', answered, 60),
  )
}
