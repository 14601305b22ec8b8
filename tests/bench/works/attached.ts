import { type Bench, messageOf, sleep } from '../bench.js'
import { cpuMs, openFilesLimit, residentBytes } from '../measure/processes.js'
import { median } from '../measure/statistics.js'
import { spread } from '../options.js'
import { type Peer, peerNames } from '../peers.js'
import type { BenchProcess } from '../process.js'
import { startAttachedAgents, startOgentController } from '../systems/ogent.js'
import { startSocketAgents, startSocketController } from '../systems/sockets.js'
import { cut, type Stage, startDriver } from '../systems/system.js'

/** A fresh controller, and how to attach agents of the load generator to it and reach them. */
type Scale = {
  controller: BenchProcess
  driver: BenchProcess
  attach(agents: string[]): Promise<BenchProcess>
}

type Figures = { kilobytes: number; idle: number; reach: number; attach: number }

const scaled = ['relay', 'ogent', 'socketio'] as const
const REACHES = 3

/** Work 7: many attached agents: the controller's memory for each, its idle CPU, the time to reach all. */
export async function attachedWork(bench: Bench, count: number): Promise<void> {
  if (openFilesLimit() < count + 500) {
    bench.note(`${count} agents: skipped, a process may have ${openFilesLimit()} open files here.`)
    return
  }
  const results = new Map<Peer, Figures[]>()
  for (const peer of scaled) {
    bench.say(`${count} agents attached: ${peerNames[peer]}`)
    const started: BenchProcess[] = []
    try {
      results.set(peer, [await measure(bench.stage, peer, count, started)])
    } catch (error) {
      bench.note(`${count} agents attached: ${peerNames[peer]} failed: ${messageOf(error)}`)
    }
    await bench.stage.processes.stop(started)
  }
  const common = { work: 7, ratios: true }
  const name = count.toLocaleString('en')
  const add = (id: string, label: string, digits: number, pick: (figures: Figures) => number) =>
    bench.add(
      { ...common, id: `attached_${count}_${id}`, label: `${name} agents, ${label}`, digits },
      results,
      (list) => median(list.map(pick)),
    )
  add('memory', "controller's KB for each", 1, ({ kilobytes }) => kilobytes)
  add('idle', "controller's idle CPU, % of a core", 2, ({ idle }) => idle)
  add('reach', 'all reached with a command, s', 3, ({ reach }) => reach)
  add('attach', 'all attached, s', 2, ({ attach }) => attach)
}

async function measure(
  stage: Stage,
  peer: (typeof scaled)[number],
  count: number,
  started: BenchProcess[],
): Promise<Figures> {
  const { controller, driver, attach } = await startScale(stage, peer, started)
  const agents = Array.from({ length: count }, (_, index) => `attached-${index}`)
  // The first tenth pays for what is paid once: compiled code, first pages of the store.
  const early = agents.slice(0, Math.ceil(count / 10))
  const late = agents.slice(early.length)
  started.push(await attach(early))
  await reach(driver, early)
  const before = await settledBytes(controller)

  const began = performance.now()
  started.push(...(await Promise.all(cut(late, spread).map(attach))))
  const attachSeconds = (performance.now() - began) / 1000
  const kilobytes = (await settledBytes(controller)) - before

  const cpuBefore = cpuMs([controller.pid])
  await sleep(stage.options.sizes.idleSeconds * 1000)
  const idle = (cpuMs([controller.pid]) - cpuBefore) / (stage.options.sizes.idleSeconds * 10)

  const reached: number[] = []
  while (reached.length < REACHES) reached.push(await reach(driver, agents))
  return { kilobytes: kilobytes / 1024 / late.length, idle, reach: median(reached), attach: attachSeconds }
}

async function reach(driver: BenchProcess, agents: string[]): Promise<number> {
  const job = { agents, command: 'true', count: agents.length, atOnce: agents.length }
  return (await driver.perform('burst', job, 60)).seconds
}

/** Resident memory once all garbage is collected. */
async function settledBytes(controller: BenchProcess): Promise<number> {
  for (let times = 0; times < 3; times++) {
    controller.signal('SIGUSR2')
    await sleep(500)
  }
  return residentBytes(controller.pid)
}

async function startScale(
  stage: Stage,
  peer: (typeof scaled)[number],
  started: BenchProcess[],
): Promise<Scale> {
  const node = ['--expose-gc', '--import', stage.workshop.script('roles/collect-on-signal')]
  if (peer === 'ogent') {
    const { controller, place } = await startOgentController(stage, `scale-${Date.now()}`, node)
    started.push(controller)
    const driver = await startDriver(stage, { peer, ...place }, `${peer} scale`)
    started.push(driver)
    return { controller, driver, attach: (agents) => startAttachedAgents(stage, place, agents) }
  }
  const controller = await startSocketController(stage, peer, node)
  started.push(controller)
  const { url = '' } = await controller.ready()
  const driver = await startDriver(stage, { peer, url }, `${peer} scale`)
  started.push(driver)
  return {
    controller,
    driver,
    attach: (agents) => startSocketAgents(stage, peer, url, agents, false),
  }
}
