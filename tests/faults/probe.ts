import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import type { OgentClient } from '../../src/client/client.js'
import type { CommandOutcome, CommandRun } from '../../src/client/commands/run.js'
import type { CommandRequest } from '../../src/shared/commands/request.js'
import { messageOf, OgentError } from '../../src/shared/errors.js'
import { newId } from '../../src/shared/id.js'
import { processesOf } from '../support/processes.js'
import { AGENT_ID } from './plant.js'
import { faultsOfAll, faultsOfResult } from './shown.js'
import { shownOf } from './truth.js'
import { commandOf, counterFile, isProgram, truthOf, type Work } from './work.js'
import type { Program } from './writer.js'

export { someWork } from './work.js'

/** Where a probe is run: what it needs of a plant. */
export type Ground = {
  readonly folder: string
  /** A controller itself, past the proxies. */
  readonly directUrl: string
  /** Every controller that lives, past the proxies. */
  readonly urls: string[]
  /** MAX_RESULT_OUTPUT_BYTES of the controllers. */
  readonly resultLimit: number
  client(url?: string): OgentClient
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
  /** Where a reader is shown something else than what was written. */
  short: string[]
}

/** How long a command may take to its end, reader and all, in ms, before it counts as lost. */
const PATIENCE_MS = 120_000

/** Commands of a plant whose controllers are away for a while still get there. */
const DELIVER_SECONDS = 110

type Parts = { everything: boolean; cli: boolean }

/** One command under test: started, read to its end, and looked at from every side. */
export class Probe {
  readonly command_id: string
  readonly work: Work | Program
  readonly run: CommandRun
  readonly #plant: Ground
  readonly #command: string
  #read: Promise<{ readers: Reader; outcome: CommandOutcome }>
  #events: (() => void)[] = []
  #seen = 0

  constructor(
    plant: Ground,
    ogent: OgentClient,
    work: Work | Program,
    request: Partial<CommandRequest> = {},
  ) {
    this.#plant = plant
    this.work = work
    this.command_id = request.command_id ?? newId()
    this.#command = commandOf(work, this.command_id, plant.folder)
    this.run = ogent.execute({
      agent_id: AGENT_ID,
      command: this.#command,
      deliver_within_seconds: DELIVER_SECONDS,
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

  /**
   * Waits for the end and judges. `everything`: whatever a user can read of it,
   * not only its result; `cli`: and what `ogent show` prints.
   */
  async verdict({ everything = false, cli = false } = {}): Promise<Verdict> {
    const { command_id } = this
    const verdict: Verdict = {
      command_id,
      outcome: undefined,
      starts: 0,
      lost: [],
      doubled: [],
      incomplete: [],
      short: [],
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
    verdict.short = await this.#judgeShown({ everything, cli }, read.outcome)
    if (read.outcome.status === 'lost') {
      verdict.lost.push(`it ended as lost: ${read.outcome.reason}`)
      return verdict
    }
    this.#judgeOutput('the handle', read.readers, read.outcome, verdict)
    if (verdict.starts !== 1) verdict.lost.push(`it was started ${verdict.starts} times, its end told`)
    await this.#judgeJournal(read.outcome, verdict)
    return verdict
  }

  /** Whether it was refused in words, as while Redis is away, and was not run. */
  async refused(): Promise<boolean> {
    const refusal = await patiently(this.#read, PATIENCE_MS).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (!(refusal instanceof OgentError) || refusal.code !== 'UNAVAILABLE') return false
    return startsOf(this.#plant, this.command_id) === 0
  }

  /** The same verdict by another handle: for one whose own handle was told `lost` before the truth came. */
  async verdictOf(run: CommandRun): Promise<Verdict> {
    this.#read = this.#readAll(run)
    return this.verdict()
  }

  async #readAll(run: CommandRun) {
    const readers = new Reader()
    // A program may write bytes that are no text.
    for await (const event of isProgram(this.work) ? run.raw : run) {
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
        for await (const event of isProgram(this.work) ? again.raw : again) {
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

  /** What is shown of it now, at each controller. */
  async #judgeShown({ everything, cli }: Parts, outcome: CommandOutcome): Promise<string[]> {
    const { resultLimit: limit, urls } = this.#plant
    const { command_id } = this
    const truth = truthOf(this.work, command_id, this.#plant.folder)
    const mayBeLost = outcome.status === 'lost'
    const request = { command: this.#command, deliver_within_seconds: DELIVER_SECONDS }
    const look = { command_id, request, truth, limit, urls, mayBeLost, cli }
    const short = everything
      ? await faultsOfAll(look, (url) => this.#plant.client(url))
      : await faultsOfResult(look)
    for (const stream of mayBeLost ? [] : (['stdout', 'stderr'] as const)) {
      const right = shownOf(truth[stream], limit).text.toString()
      if (outcome[stream] !== right) short.push(`the handle's outcome has another ${stream}`)
    }
    return short
  }

  #judgeOutput(who: string, readers: Reader, outcome: CommandOutcome, verdict: Verdict): void {
    const truth = truthOf(this.work, this.command_id, this.#plant.folder)
    for (const stream of ['stdout', 'stderr'] as const) {
      const told = readers.sums[stream].digest()
      const real = createHash('sha256').update(truth[stream]).digest('hex')
      if (told !== real) verdict.incomplete.push(`${who} did not give the ${stream} that was written`)
      if (outcome[`${stream}_sha256`] !== real)
        verdict.incomplete.push(`the result's ${stream} hash is wrong`)
    }
    verdict.incomplete.push(...readers.faults.map((fault) => `${who}: ${fault}`))
    const { exit_code, status, reason } = outcome
    const wanted = truth.exitCode === 0 ? 'success' : 'error'
    if (exit_code !== truth.exitCode || status !== wanted) {
      verdict.lost.push(`it ended as ${status}, exit code ${exit_code} (${reason})`)
    }
  }
}

/** Both streams as a reader of events gets them, with their places checked. */
class Reader {
  readonly sums = { stdout: new Sum(), stderr: new Sum() }
  readonly faults: string[] = []

  take(event: {
    stream: 'stdout' | 'stderr'
    data: string | Uint8Array
    offset: number
    bytes: number
  }): void {
    const sum = this.sums[event.stream]
    if (event.offset < sum.bytes) this.faults.push(`${event.stream} repeats at ${event.offset}`)
    if (event.offset > sum.bytes) this.faults.push(`${event.stream} has a hole at ${sum.bytes}`)
    sum.add(event.data)
  }
}

class Sum {
  bytes = 0
  readonly #hash = createHash('sha256')

  add(data: string | Uint8Array): void {
    this.bytes += typeof data === 'string' ? Buffer.byteLength(data) : data.length
    this.#hash.update(data)
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}

/** Each start of a command appends a line: a second start would show. */
export function startsOf(plant: Ground, command_id: string): number {
  appendFileSync(counterFile(plant.folder), '')
  return readFileSync(counterFile(plant.folder), 'utf8')
    .split('\n')
    .filter((line) => line === command_id).length
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
