import type { Bench } from '../bench.js'
import { cpuMs } from '../measure/processes.js'
import { median, percentile } from '../measure/statistics.js'
import { NO_SPAWN_AGENT, relayed } from '../peers.js'

const AT_ONCE = 100

/** Work 6: an agent that starts nothing, so that only the way there and back is left. */
export async function noSpawnWork(bench: Bench): Promise<void> {
  const { rounds, sequence, crowded } = bench.stage.options.sizes
  const systems = bench.of(relayed)
  const count = Math.ceil(sequence * 2.5)
  const agent = NO_SPAWN_AGENT
  const results = await bench.inTurn('no spawn', systems, rounds, async ({ driver, pids }) => {
    const { ms } = await driver.perform('sequence', { agent, command: 'true', count }, 30)
    const job = { agents: [agent], command: 'true', count: crowded, atOnce: AT_ONCE }
    const roots = Object.values(pids).flat()
    const before = cpuMs(roots)
    const { seconds } = await driver.perform('burst', job, 30)
    return { ms, rate: crowded / seconds, cpu: (cpuMs(roots) - before) / crowded }
  })
  const common = { work: 6, ratios: true }
  const all = (list: { ms: number[] }[]) => list.flatMap(({ ms }) => ms)
  bench.add({ ...common, id: 'no_spawn_p50', label: 'no spawn, p50 ms', digits: 2 }, results, (list) =>
    percentile(all(list), 0.5),
  )
  bench.add({ ...common, id: 'no_spawn_p99', label: 'no spawn, p99 ms', digits: 2 }, results, (list) =>
    percentile(all(list), 0.99),
  )
  const label = `no spawn, ${AT_ONCE} at once, commands/s`
  bench.add({ ...common, id: 'no_spawn_rate', label, digits: 0 }, results, (list) =>
    median(list.map(({ rate }) => rate)),
  )
  const cpu = { ...common, id: 'no_spawn_cpu', label: 'CPU a command then, all processes, ms', digits: 3 }
  bench.add(cpu, results, (list) => median(list.map((one) => one.cpu)))
}
