import type { Bench } from '../bench.js'
import { percentile } from '../measure/statistics.js'
import { AGENT } from '../peers.js'
import { startDriver } from '../systems/system.js'

/** Work 9: `true` on an SSH target, through Ogent's executor and through the bare library, each on a kept connection. */
export async function keptSshWork(bench: Bench): Promise<void> {
  const { stage } = bench
  const { rounds, sequence } = stage.options.sizes
  const [bare] = bench.of(['ssh2'])
  if (bare?.place.peer !== 'ssh2') return
  const place = { ...bare.place, peer: 'executor' } as const
  const driver = await startDriver(stage, place)
  const systems = [bare, { ...bare, peer: 'ogent', place, driver } as const]
  const results = await bench.inTurn('`true` over kept ssh', systems, rounds, async (system) => {
    const job = { agent: AGENT, command: 'true', count: sequence }
    return (await system.driver.perform('sequence', job, 60)).ms
  })
  await driver.stop()
  const title = '`true` over kept ssh (Ogent: the executor alone)'
  const common = { work: 9, digits: 2, ratios: false }
  bench.add({ ...common, id: 'kept_ssh_p50', label: `${title}, p50 ms` }, results, (lists) =>
    percentile(lists.flat(), 0.5),
  )
  bench.add({ ...common, id: 'kept_ssh_p99', label: `${title}, p99 ms` }, results, (lists) =>
    percentile(lists.flat(), 0.99),
  )
}
