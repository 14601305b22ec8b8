import type { Bench } from '../bench.js'
import { cpuMs, peakBytes, resetPeaks } from '../measure/processes.js'
import { median } from '../measure/statistics.js'
import { AGENT } from '../peers.js'
import { parts } from '../systems/system.js'

const MB = 1_000_000

/** Work 3: one command with much text, hashed by its reader; and the most memory that each process took. */
export async function bulkWork(bench: Bench): Promise<void> {
  const { rounds, bulkBytes } = bench.stage.options.sizes
  const sample = bench.stage.workshop.sample('bulk.txt', bulkBytes)
  const job = { agent: AGENT, command: `cat ${sample.path}`, bytes: sample.bytes, sha256: sample.sha256 }
  const what = `${bulkBytes / MB} MB of text`
  const results = await bench.inTurn(what, bench.systems, Math.min(rounds, 3), async ({ driver, pids }) => {
    const roots = Object.values(pids).flat()
    const exact = resetPeaks(roots)
    const before = cpuMs(roots)
    const { seconds } = await driver.perform('bulk', job, 90)
    const peaks = parts.map((part) => (pids[part].length === 0 ? Number.NaN : peakBytes(pids[part]) / MB))
    const cpu = (cpuMs(roots) - before) / (bulkBytes / MB)
    return { rate: bulkBytes / MB / seconds, cpu, peaks, exact }
  })
  const common = { work: 3, digits: 0 }
  bench.add(
    { ...common, id: 'bulk_rate', label: `${what}, MB/s, hash checked`, ratios: true },
    results,
    (list) => median(list.map(({ rate }) => rate)),
  )
  // ms a MB is s a GB.
  bench.add(
    { ...common, id: 'bulk_cpu', label: 'CPU a GB, all processes, s', digits: 2, ratios: true },
    results,
    (list) => median(list.map(({ cpu }) => cpu)),
  )
  for (const [index, part] of parts.entries()) {
    const metric = { ...common, id: `bulk_peak_${part}`, label: `peak RSS of the ${part}, MB`, ratios: false }
    bench.add(metric, results, (list) => Math.max(...list.map(({ peaks }) => peaks[index] ?? Number.NaN)))
  }
  if ([...results.values()].flat().some(({ exact }) => !exact)) {
    bench.note('Peaks of memory are since the start of each process: this kernel does not reset them.')
  }
}
