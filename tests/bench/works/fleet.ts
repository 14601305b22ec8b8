import { type Bench, messageOf } from '../bench.js'
import { median } from '../measure/statistics.js'
import { fleetAgent, type Peer, peerNames } from '../peers.js'
import type { BenchProcess } from '../process.js'

/** Work 5: `hostname` on many agents at once. They are spread over a few processes, at every peer alike. */
export async function fleetWork(bench: Bench): Promise<void> {
  const { rounds, fleet } = bench.stage.options.sizes
  const agents = Array.from({ length: fleet }, (_, index) => fleetAgent(index))
  const started: BenchProcess[] = []
  const here: Peer[] = []
  for (const system of bench.systems) {
    // The SDK and REST have one controller, and so one fleet.
    const shares = system.peer === 'rest' && here.includes('ogent')
    bench.say(`${fleet} agents of ${peerNames[system.peer]} start`)
    try {
      if (!shares) started.push(...(await system.startFleet(agents)))
      here.push(system.peer)
    } catch (error) {
      bench.note(`${fleet} agents of ${peerNames[system.peer]} did not start: ${messageOf(error)}`)
    }
  }
  const what = `\`hostname\` on ${fleet} agents at once`
  const job = { agents, command: 'hostname', count: fleet, atOnce: fleet }
  const results = await bench.inTurn(what, bench.of(here), rounds + 1, async ({ driver }, round) => {
    const { seconds } = await driver.perform('burst', job, 60)
    // The first time is for what loads late; it does not count.
    return round === 0 ? [] : [seconds]
  })
  const metric = { id: 'fleet', work: 5, label: `${what}, s`, digits: 3, ratios: true }
  bench.add(metric, results, (lists) => median(lists.flat()))
  await bench.stage.processes.stop(started)
}
