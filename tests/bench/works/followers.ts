import { writeFileSync } from 'node:fs'
import type { Bench } from '../bench.js'
import { cpuMs, peakBytes, resetPeaks } from '../measure/processes.js'
import { median } from '../measure/statistics.js'
import { AGENT, relayed } from '../peers.js'
import type { BenchProcess } from '../process.js'
import { type Stage, type System, startDriver } from '../systems/system.js'

const MB = 1_000_000
/** Processes in which the followers are. */
const AUDIENCES = 2

/** Work 8: many followers of one command, each with a connection of its own, who must all get every byte. */
export async function followersWork(bench: Bench): Promise<void> {
  const { rounds, followers, followedBytes } = bench.stage.options.sizes
  const sample = bench.stage.workshop.sample('followed.txt', followedBytes)
  const what = `${followers} followers of ${followedBytes / MB} MB`
  const results = await bench.inTurn(what, bench.of(relayed), Math.min(rounds, 3), async (system, round) => {
    const go = bench.stage.workshop.path(`go-${system.peer}-${round}`)
    // It says on stderr that it waits, and waits until all have joined, but not for ever.
    const wait = `n=0; until [ -e ${go} ] || [ $n -gt 2000 ]; do n=$((n+1)); sleep 0.02; done`
    const command = `echo waiting >&2; ${wait}; cat ${sample.path}`
    return follow(bench.stage, system, command, go)
  })
  const common = { work: 8, digits: 0, ratios: true }
  bench.add({ ...common, id: 'followers_rate', label: `${what}, MB/s to all` }, results, (list) =>
    median(list.map(({ rate }) => rate)),
  )
  const cpu = { ...common, id: 'followers_cpu', label: "the controller's CPU for it, s", digits: 2 }
  bench.add(cpu, results, (list) => median(list.map(({ cpuSeconds }) => cpuSeconds)))
  const peak = { ...common, id: 'followers_peak', label: "the controller's peak RSS, MB", ratios: false }
  bench.add(peak, results, (list) => Math.max(...list.map((one) => one.peak)))
}

async function follow(stage: Stage, system: System, command: string, go: string) {
  const { followers, followedBytes } = stage.options.sizes
  const { place, driver, pids } = system
  const audiences: BenchProcess[] = []
  try {
    while (audiences.length < AUDIENCES) {
      audiences.push(await startDriver(stage, place, `${place.peer} follower ${audiences.length}`))
    }
    const { id } = await driver.perform('start', { agent: AGENT, command }, 10)
    const count = Math.ceil(followers / AUDIENCES)
    await Promise.all(audiences.map((audience) => audience.perform('follow', { place, id, count }, 30)))
    resetPeaks(pids.controller)
    const cpuBefore = cpuMs(pids.controller)
    const done = audiences.map((audience) => audience.perform('followed', { bytes: followedBytes }, 60))
    const began = performance.now()
    writeFileSync(go, '')
    await Promise.all(done)
    const seconds = (performance.now() - began) / 1000
    return {
      rate: (count * AUDIENCES * followedBytes) / MB / seconds,
      cpuSeconds: (cpuMs(pids.controller) - cpuBefore) / 1000,
      peak: peakBytes(pids.controller) / MB,
    }
  } finally {
    // Whatever happened, the command need not wait any more.
    writeFileSync(go, '')
    await stage.processes.stop(audiences)
  }
}
