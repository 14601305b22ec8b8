import type { Bench } from '../bench.js'
import { percentile } from '../measure/statistics.js'
import { AGENT } from '../peers.js'

/** Work 1: `true`, one after another. `after`: what was relayed before, for its second time. */
export async function sequenceWork(bench: Bench, after?: string): Promise<void> {
  const { rounds, sequence } = bench.stage.options.sizes
  const title = after === undefined ? '`true`' : `\`true\` after ${after}`
  const id = after === undefined ? 'true' : 'true_after'
  const results = await bench.inTurn(title, bench.systems, rounds, async ({ driver }) => {
    const { ms } = await driver.perform('sequence', { agent: AGENT, command: 'true', count: sequence }, 60)
    return ms
  })
  const common = { work: 1, digits: 2, ratios: true }
  bench.add({ ...common, id: `${id}_p50`, label: `${title}, p50 ms` }, results, (lists) =>
    percentile(lists.flat(), 0.5),
  )
  bench.add({ ...common, id: `${id}_p99`, label: `${title}, p99 ms` }, results, (lists) =>
    percentile(lists.flat(), 0.99),
  )
}
