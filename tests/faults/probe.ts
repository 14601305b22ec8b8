import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ulid } from 'ulidx'
import type { OgentClient } from '../../src/client/client.js'
import type { CommandOutcome, CommandRun } from '../../src/client/run.js'
import type { CommandRequest } from '../../src/shared/command.js'
import { messageOf } from '../../src/shared/errors.js'
import { processesOf } from '../support/processes.js'
import { AGENT_ID } from './plant.js'
import type { Random } from './random.js'

/** What a command of the tests writes: known beforehand, so that no part of Ogent vouches for itself. */
export type Work = {
  /** Lines of stdout, in this many bursts with a pause before each. */
  lines: number
  bursts: number
  pauseSeconds: number
  /** Lines of stderr, all at the end. */
  errLines: number
  exitCode: number
}

export function someWork(random: Random, more: Partial<Work> = {}): Work {
  return {
    lines: random.pick([0, 1, 50, 1000, 20_000]),
    bursts: random.int(1, 5),
    pauseSeconds: random.int(0, 30) / 100,
    errLines: random.pick([0, 0, 3]),
    exitCode: random.pick([0, 0, 0, 7, 255]),
    ...more,
  }
}

/** Where a probe is run: what it needs of a plant. */
export type Ground = {
  readonly folder: string
  /** A controller itself, past the proxies. */
  readonly directUrl: string
  client(url: string): OgentClient
}

export type Verdict = {
  command_id: string
  /** `undefined`: it never ended, or its handle failed. */
  outcome: CommandOutcome | undefined
  starts: number
  /** What is wrong; empty where all is as promised. */
  lost: string[]
  doubled: string[]
  incomplete: string[]
}

/** How long a command may take to its end, reader and all, in ms, before it counts as lost. */
const PATIENCE_MS = 120_000

/** One command under test: started, read to its end, and looked at from every side. */
export class Probe {
  readonly command_id: string
  readonly work: Work
  readonly run: CommandRun
  readonly #plant: Ground
  #read: Promise<{ readers: Reader; outcome: CommandOutcome }>
  #events: (() => void)[] = []
  #seen = 0

  constructor(plant: Ground, ogent: OgentClient, work: Work, request: Partial<CommandRequest> = {}) {
    this.#plant = plant
    this.work = work
    this.command_id = request.command_id ?? ulid()
    this.run = ogent.execute({
      agent_id: AGENT_ID,
      command: commandOf(work, this.command_id, counterFile(plant)),
      deliver_within_seconds: 60,
      ...request,
      command_id: this.command_id,
    })
    this.#read = this.#readAll(this.run)
    this.#read.catch(() => {})
  }

  /** Resolves when the reader has seen so many events, or the end. */
  async seen(count: number): Promise<void> {
    while (this.#seen < count) await new Promise<void>((resolve) => this.#events.push(resolve))
  }

  /** Waits for the end and judges. */
  async verdict(): Promise<Verdict> {
    const { command_id } = this
    const verdict: Verdict = {
      command_id,
      outcome: undefined,
      starts: 0,
      lost: [],
      doubled: [],
      incomplete: [],
    }
    let read: { readers: Reader; outcome: CommandOutcome } | undefined
    try {
      read = await patiently(this.#read, PATIENCE_MS)
    } catch (error) {
      verdict.lost.push(`its handle failed: ${messageOf(error)}`)
    }
    verdict.starts = startsOf(this.#plant, command_id)
    if (verdict.starts > 1) verdict.doubled.push(`it was started ${verdict.starts} times`)
    if (!read) return verdict
    verdict.outcome = read.outcome
    const left = processesOf(command_id)
    if (left.length > 0) verdict.incomplete.push(`it left processes behind: ${left.join(' ')}`)
    if (read.outcome.status === 'lost') {
      verdict.lost.push(`it ended as lost: ${read.outcome.reason}`)
      return verdict
    }
    this.#judgeOutput('the handle', read.readers, read.outcome, verdict)
    if (verdict.starts !== 1) verdict.lost.push(`it was started ${verdict.starts} times, its end told`)
    await this.#judgeJournal(read.outcome, verdict)
    return verdict
  }

  /** The same verdict by another handle: for one whose own handle was told `lost` before the truth came. */
  async verdictOf(run: CommandRun): Promise<Verdict> {
    this.#read = this.#readAll(run)
    return this.verdict()
  }

  async #readAll(run: CommandRun) {
    const readers = new Reader()
    for await (const event of run) {
      if (event.type === 'command_progress' && event.state === 'output') readers.take(event)
      this.#seen += 1
      for (const wake of this.#events.splice(0)) wake()
    }
    this.#seen = Number.POSITIVE_INFINITY
    for (const wake of this.#events.splice(0)) wake()
    return { readers, outcome: await run }
  }

  /** The journal told once more, from its first event, to somebody who comes later. */
  async #judgeJournal(outcome: CommandOutcome, verdict: Verdict): Promise<void> {
    const ogent = this.#plant.client(this.#plant.directUrl)
    try {
      const readers = new Reader()
      const again = ogent.commands.attach(this.command_id)
      const read = async () => {
        for await (const event of again) {
          if (event.type === 'command_progress' && event.state === 'output') readers.take(event)
        }
      }
      await patiently(read(), PATIENCE_MS)
      this.#judgeOutput('the journal', readers, outcome, verdict)
    } catch (error) {
      verdict.incomplete.push(`the journal could not be read: ${messageOf(error)}`)
    } finally {
      await ogent.close()
    }
  }

  #judgeOutput(who: string, readers: Reader, outcome: CommandOutcome, verdict: Verdict): void {
    const expected = expectedOf(this.work, this.command_id)
    for (const stream of ['stdout', 'stderr'] as const) {
      const told = readers.sums[stream].digest()
      const real = createHash('sha256').update(expected[stream]).digest('hex')
      if (told !== real) verdict.incomplete.push(`${who} did not give the ${stream} that was written`)
      if (outcome[`${stream}_sha256`] !== real)
        verdict.incomplete.push(`the result's ${stream} hash is wrong`)
    }
    verdict.incomplete.push(...readers.faults.map((fault) => `${who}: ${fault}`))
    const { exit_code, status, reason } = outcome
    const wanted = this.work.exitCode === 0 ? 'success' : 'error'
    if (exit_code !== this.work.exitCode || status !== wanted) {
      verdict.lost.push(`it ended as ${status}, exit code ${exit_code} (${reason})`)
    }
  }
}

/** Both streams as a reader of events gets them, with their places checked. */
class Reader {
  readonly sums = { stdout: new Sum(), stderr: new Sum() }
  readonly faults: string[] = []

  take(event: { stream: 'stdout' | 'stderr'; data: string; offset: number; bytes: number }): void {
    const sum = this.sums[event.stream]
    if (event.offset < sum.bytes) this.faults.push(`${event.stream} repeats at ${event.offset}`)
    if (event.offset > sum.bytes) this.faults.push(`${event.stream} has a hole at ${sum.bytes}`)
    sum.add(event.data)
  }
}

class Sum {
  bytes = 0
  readonly #hash = createHash('sha256')

  add(text: string): void {
    this.bytes += Buffer.byteLength(text)
    this.#hash.update(text)
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}

function counterFile(plant: Ground): string {
  return join(plant.folder, 'starts')
}

/** Each start of a command appends a line: a second start would show. */
export function startsOf(plant: Ground, command_id: string): number {
  appendFileSync(counterFile(plant), '')
  return readFileSync(counterFile(plant), 'utf8')
    .split('\n')
    .filter((line) => line === command_id).length
}

/** The shell text of a piece of work. */
function commandOf(work: Work, command_id: string, counter: string): string {
  const parts = [`echo ${command_id} >> ${counter}`]
  for (let burst = 0; burst < work.bursts; burst++) {
    if (work.pauseSeconds > 0) parts.push(`sleep ${work.pauseSeconds}`)
    const [first, last] = burstOf(work, burst)
    if (last >= first) parts.push(`seq -f 'line %.0f of ${command_id}' ${first} ${last}`)
  }
  if (work.errLines > 0) parts.push(`seq -f 'complaint %.0f' 1 ${work.errLines} >&2`)
  parts.push(`exit ${work.exitCode}`)
  return parts.join('\n')
}

function burstOf(work: Work, burst: number): [first: number, last: number] {
  const size = Math.ceil(work.lines / work.bursts)
  return [burst * size + 1, Math.min((burst + 1) * size, work.lines)]
}

function expectedOf(work: Work, command_id: string): { stdout: string; stderr: string } {
  const numbered = (count: number, line: (n: number) => string) =>
    Array.from({ length: count }, (_, at) => line(at + 1)).join('')
  return {
    stdout: numbered(work.lines, (n) => `line ${n} of ${command_id}\n`),
    stderr: numbered(work.errLines, (n) => `complaint ${n}\n`),
  }
}

/** A promise with a limit: what hangs for ever is what these tests are to find. */
export async function patiently<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came in ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
