import type { Bench } from '../bench.js'
import { percentile } from '../measure/statistics.js'
import { AGENT } from '../peers.js'

/** Commands begin so far apart that each is alone while it counts. */
const EVERY_MS = 100

/** Work 4: how soon the first line is there. */
export async function firstByteWork(bench: Bench): Promise<void> {
  const { firstByteRounds, firstBytes } = bench.stage.options.sizes
  const what = 'first byte of `echo a; sleep 1; echo b`'
  const job = { agent: AGENT, count: firstBytes, everyMs: EVERY_MS }
  const results = await bench.inTurn(what, bench.systems, firstByteRounds, async ({ driver }) => {
    const { ms } = await driver.perform('firstByte', job, 30)
    return ms
  })
  bench.add(
    { id: 'first_byte', work: 4, label: `${what}, p50 ms`, digits: 2, ratios: true },
    results,
    (lists) => percentile(lists.flat(), 0.5),
  )
}
