import { sleep } from '../bench.js'
import { cpuMs } from '../measure/processes.js'
import { median, percentile } from '../measure/statistics.js'
import type { Stage } from '../systems/system.js'
import { BenchRedis, type StoreName, type StoreSystem, startStore, storeNames } from './stores.js'

const AT_ONCE = 100
const MB = 1_000_000
/** What one command's share of the memory of Redis is told by. */
const MEASURED_COMMANDS = 1000
const MEASURED_BYTES = 100 * MB

type Figures = { ms: number[]; rate: number[]; cpu: number[]; bulk: number[] }

/** `npm run bench -- redis`: what a Redis costs over the embedded store, and what it takes of its memory. */
export async function redisBench(stage: Stage): Promise<void> {
  const { sizes } = stage.options
  const redis = await BenchRedis.start(stage)
  const systems: StoreSystem[] = []
  const agentsOf = (name: StoreName) => ({ real: `real-${name}`, noSpawn: `still-${name}` })
  for (const name of ['embedded', 'one', 'two'] as const) {
    systems.push(await startStore(stage, name, redis, agentsOf(name)))
  }
  const figures = new Map(
    systems.map(({ name }) => [name, { ms: [], rate: [], cpu: [], bulk: [] } as Figures]),
  )
  const bulkBytes = Math.min(sizes.bulkBytes, MEASURED_BYTES)
  const sample = stage.workshop.sample('bulk.txt', bulkBytes)
  for (let round = -1; round < sizes.rounds; round++) {
    for (const { name, driver, roots } of systems) {
      const { real, noSpawn } = agentsOf(name)
      const count = Math.ceil(sizes.sequence * 2.5)
      const { ms } = await driver.perform('sequence', { agent: noSpawn, command: 'true', count }, 60)
      const before = cpuMs(roots)
      const burst = { agents: [noSpawn], command: 'true', count: sizes.crowded, atOnce: AT_ONCE }
      const { seconds } = await driver.perform('burst', burst, 60)
      const cpu = (cpuMs(roots) - before) / sizes.crowded
      const bulk = { agent: real, command: `cat ${sample.path}`, bytes: bulkBytes, sha256: sample.sha256 }
      const output = await driver.perform('bulk', bulk, 90)
      await sleep(200)
      // The first round warms up.
      if (round < 0) continue
      const mine = figures.get(name)
      mine?.ms.push(...ms)
      mine?.rate.push(sizes.crowded / seconds)
      mine?.cpu.push(cpu)
      mine?.bulk.push(bulkBytes / MB / output.seconds)
    }
  }
  process.stdout.write(`\n${tableOf(figures)}\n`)
  process.stdout.write(await memoryOf(redis, systems, agentsOf('one'), stage))
  redis.close()
}

function tableOf(figures: Map<StoreName, Figures>): string {
  const lines: [label: string, digits: number, pick: (one: Figures) => number][] = [
    ['no process, one after another, p50 ms', 2, ({ ms }) => percentile(ms, 0.5)],
    ['no process, one after another, p99 ms', 2, ({ ms }) => percentile(ms, 0.99)],
    [`no process, ${AT_ONCE} at once, commands/s`, 0, ({ rate }) => median(rate)],
    ['CPU a command then, all processes, ms', 3, ({ cpu }) => median(cpu)],
    ['output, MB/s, hash checked', 0, ({ bulk }) => median(bulk)],
  ]
  const names = [...figures.keys()]
  const rows = lines.map(([label, digits, pick]) => [
    label,
    ...[...figures.values()].map((one) => pick(one).toFixed(digits)),
  ])
  const all = [['', ...names.map((name) => storeNames[name])], ...rows]
  const widths = all[0]?.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0))) ?? []
  const text = all.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  )
  return `${text.join('\n')}\n`
}

/** What a thousand commands without output take of Redis, and what much output takes. */
async function memoryOf(
  redis: BenchRedis,
  systems: StoreSystem[],
  { real, noSpawn }: { real: string; noSpawn: string },
  { workshop }: Stage,
): Promise<string> {
  const driver = systems.find(({ name }) => name === 'one')?.driver
  if (!driver) return ''
  const began = await redis.usedBytes()
  const many = { agents: [noSpawn], command: 'true', count: MEASURED_COMMANDS, atOnce: 50 }
  await driver.perform('burst', many, 60)
  await sleep(500)
  const commands = await redis.usedBytes()
  const sample = workshop.sample('memory.txt', MEASURED_BYTES)
  const output = { agent: real, command: `cat ${sample.path}`, bytes: sample.bytes, sha256: sample.sha256 }
  await driver.perform('bulk', output, 90)
  await sleep(500)
  const bytes = (await redis.usedBytes()) - commands
  return [
    `memory of Redis: ${MEASURED_COMMANDS} commands ${((commands - began) / MB).toFixed(1)} MB`,
    ` (${Math.round((commands - began) / MEASURED_COMMANDS)} bytes each);`,
    ` ${MEASURED_BYTES / MB} MB of output ${(bytes / MB).toFixed(1)} MB\n`,
  ].join('')
}
