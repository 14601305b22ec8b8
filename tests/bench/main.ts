import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Bench, messageOf } from './bench.js'
import { processesNaming } from './measure/processes.js'
import { isFullRun, type Options, readOptions, USAGE } from './options.js'
import { peers } from './peers.js'
import { Processes } from './process.js'
import { redisBench } from './redis/bench.js'
import { describeMachine } from './report/machine.js'
import { writeDocument } from './report/markdown.js'
import { profileSummary } from './report/profile.js'
import type { Results } from './report/results.js'
import { tableOf, verdictsText } from './report/table.js'
import { verdicts } from './report/targets.js'
import { startPeers } from './systems/peers.js'
import type { Stage } from './systems/system.js'
import { attachedWork } from './works/attached.js'
import { bulkWork } from './works/bulk.js'
import { burstWork } from './works/burst.js'
import { firstByteWork } from './works/first-byte.js'
import { fleetWork } from './works/fleet.js'
import { followersWork } from './works/followers.js'
import { keptSshWork } from './works/kept-ssh.js'
import { noSpawnWork } from './works/no-spawn.js'
import { sequenceWork } from './works/sequence.js'
import { warmUp } from './works/warm-up.js'
import { Workshop } from './workshop.js'

/** `npm run bench`: the same work on every peer, in turn; prints a table and keeps it as JSON. */

const PACKAGE = new URL('../../../', import.meta.url)
const RESULTS = fileURLToPath(new URL('tests/bench/results/last.json', PACKAGE))
const DOCUMENT = fileURLToPath(new URL('docs/performance.md', PACKAGE))
/** No run takes longer; what it has by then is lost, but nothing is left behind. */
const LIMIT_MS = 30 * 60_000

process.exitCode = await main(process.argv.slice(2))

async function main(argv: string[]): Promise<number> {
  let options: Options
  try {
    options = readOptions(argv)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${USAGE}\n`)
    return 64
  }
  if (process.platform !== 'linux') {
    process.stderr.write('The bench reads CPU time and memory from /proc: it runs on Linux.\n')
    return 1
  }
  const workshop = new Workshop()
  const processes = new Processes(options.profiles === undefined ? undefined : resolve(options.profiles))
  const stop = (why: string) => {
    processes.killAll()
    sweep(workshop)
    workshop.remove()
    process.stderr.write(`\nThe bench was stopped: ${why}.\n`)
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop(signal))
  const limit = setTimeout(() => stop(`it took longer than ${LIMIT_MS / 60_000} minutes`), LIMIT_MS)
  try {
    if (options.redis) await redisBench({ options, workshop, processes })
    else report(await run({ options, workshop, processes }))
    await processes.stop()
    if (options.profiles !== undefined) process.stdout.write(`\n${profileSummary(resolve(options.profiles))}`)
    return 0
  } finally {
    clearTimeout(limit)
    await processes.stop()
    sweep(workshop)
    workshop.remove()
  }
}

/** Ends what an agent that was killed left behind: no other process names this run's own folder. */
function sweep(workshop: Workshop): void {
  for (const pid of processesNaming(workshop.folder)) process.kill(pid, 'SIGKILL')
}

async function run(stage: Stage): Promise<Results> {
  const began = performance.now()
  const { options, processes } = stage
  const { works, sizes } = options
  const bench = new Bench(stage)
  const wants = (...numbers: number[]) => numbers.some((number) => works.includes(number))

  if (wants(1, 2, 3, 4, 5, 6, 8, 9)) await bench.timed('start', () => startPeers(bench))
  const here = peers.filter((peer) => bench.systems.some((system) => system.peer === peer))
  if (wants(1, 2, 4, 6)) await bench.timed('warm-up', () => warmUp(bench))
  if (wants(1)) await bench.timed('1', () => sequenceWork(bench))
  if (wants(2)) await bench.timed('2', () => burstWork(bench))
  if (wants(4)) await bench.timed('4', () => firstByteWork(bench))
  if (wants(6)) await bench.timed('6', () => noSpawnWork(bench))
  if (wants(9)) await bench.timed('9', () => keptSshWork(bench))
  if (wants(5)) await bench.timed('5', () => fleetWork(bench))
  if (wants(3)) await bench.timed('3', () => bulkWork(bench))
  const relayed = `${sizes.bulkBytes / 1_000_000} MB`
  if (wants(1) && wants(3)) await bench.timed('1 again', () => sequenceWork(bench, relayed))
  if (wants(8)) await bench.timed('8', () => followersWork(bench))
  // Nothing else runs while a controller is measured that should be idle.
  await bench.timed('stop', () => processes.stop())
  if (wants(7)) for (const count of sizes.attached) await bench.timed('7', () => attachedWork(bench, count))

  bench.say('')
  bench.metrics.sort((a, b) => a.work - b.work)
  return {
    date: new Date().toISOString(),
    seconds: Math.round((performance.now() - began) / 1000),
    kind: isFullRun(options) ? 'full' : options.quick ? 'quick' : 'part',
    machine: describeMachine(),
    peers: here.length > 0 ? here : ['relay', 'ogent', 'socketio'],
    times: bench.times,
    metrics: bench.metrics,
    targets: verdicts(bench.metrics),
    notes: bench.notes,
  }
}

function timesText({ seconds, times }: Results): string {
  return `${seconds} s (${times.map(([what, took]) => `${what}: ${took}`).join(', ')})`
}

function report(results: Results): void {
  process.stdout.write(`\n${tableOf(results.metrics, results.peers)}\n`)
  process.stdout.write(`${verdictsText(results.targets)}\n`)
  for (const note of results.notes) process.stdout.write(`- ${note}\n`)
  mkdirSync(dirname(RESULTS), { recursive: true })
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
  process.stdout.write(`${timesText(results)}; kept in tests/bench/results/last.json\n`)
  if (results.kind !== 'full') return
  writeDocument(DOCUMENT, results)
  process.stdout.write('A full run: docs/performance.md has its figures.\n')
}
