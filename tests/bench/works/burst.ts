import type { Bench } from '../bench.js'
import { cpuMs } from '../measure/processes.js'
import { median } from '../measure/statistics.js'
import { AGENT } from '../peers.js'

const AT_ONCE = 50

/** Work 2: many `echo hi`, 50 at once; the CPU time is that of every process of the peer. */
export async function burstWork(bench: Bench): Promise<void> {
  const { rounds, burst } = bench.stage.options.sizes
  const what = `${burst} × \`echo hi\`, ${AT_ONCE} at once`
  const job = { agents: [AGENT], command: 'echo hi', expect: 'hi\n', count: burst, atOnce: AT_ONCE }
  const results = await bench.inTurn(what, bench.systems, Math.min(rounds, 3), async ({ driver, pids }) => {
    const roots = Object.values(pids).flat()
    const before = cpuMs(roots)
    const { seconds } = await driver.perform('burst', job, 90)
    return { rate: burst / seconds, cpu: (cpuMs(roots) - before) / burst }
  })
  const common = { work: 2, ratios: true }
  bench.add({ ...common, id: 'burst_rate', label: `${what}, commands/s`, digits: 0 }, results, (list) =>
    median(list.map(({ rate }) => rate)),
  )
  bench.add(
    { ...common, id: 'burst_cpu', label: 'CPU a command, all processes, ms', digits: 2 },
    results,
    (list) => median(list.map(({ cpu }) => cpu)),
  )
}
