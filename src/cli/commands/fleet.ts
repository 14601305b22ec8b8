import { styleText } from 'node:util'
import stringWidth from 'string-width'
import type { OgentClient } from '../../client/client.js'
import type { CommandOutcome, CommandRun } from '../../client/commands/run.js'
import { isOutput } from '../../shared/commands/event-text.js'
import type { CommandRequest } from '../../shared/commands/request.js'
import { type ErrorCode, messageOf, OgentError } from '../../shared/errors.js'
import { exitCodes } from '../output/exit-codes.js'
import { LinePrefixer } from '../output/line-prefixer.js'
import { onBrokenPipe, withoutPasswords, writeJson } from '../output/output.js'
import { Screen } from '../output/screen.js'
import { pad, table } from '../output/table.js'
import { bytesForPeople, durationForPeople } from '../output/units.js'
import { cancelOnInterrupt } from '../session/cancel-on-interrupt.js'

export type FleetOptions = { json: boolean; quiet: boolean; concurrency: number }

/** How it went on one agent: an outcome, an error, or neither where it was never started. */
type Row = { agent_id: string; outcome?: CommandOutcome; error?: OgentError }

/**
 * The same command on several agents, some at a time: each line behind its agent's name, a table at the end, and the
 * highest exit code of them all.
 */
export async function runOnSeveral(
  ogent: OgentClient,
  agent_ids: string[],
  request: Omit<CommandRequest, 'agent_id'>,
  options: FleetOptions,
): Promise<number> {
  const fleet = new Fleet(ogent, agent_ids, request, options)
  onBrokenPipe(() => fleet.cancel())
  const release = cancelOnInterrupt(
    () => fleet.cancel(),
    (sentence) => fleet.screen.say(sentence),
  )
  try {
    return await fleet.toEnd()
  } finally {
    release()
  }
}

class Fleet {
  readonly screen: Screen
  readonly #ogent: OgentClient
  readonly #request: Omit<CommandRequest, 'agent_id'>
  readonly #options: FleetOptions
  readonly #agent_ids: string[]
  readonly #waiting: string[]
  readonly #running = new Map<string, CommandRun>()
  readonly #rows = new Map<string, Row>()
  readonly #began = performance.now()
  readonly #width: number
  #cancelled = false
  /** Why no more are started, where the fault is none of an agent's. */
  #stopped: OgentError | undefined

  constructor(
    ogent: OgentClient,
    agent_ids: string[],
    request: Omit<CommandRequest, 'agent_id'>,
    options: FleetOptions,
  ) {
    this.#ogent = ogent
    this.#agent_ids = agent_ids
    this.#waiting = [...agent_ids]
    this.#request = request
    this.#options = options
    this.#width = Math.max(...agent_ids.map((name) => stringWidth(name)))
    // Between JSON lines on a terminal, a line of ours would be part of them.
    this.screen = new Screen(() => this.#status(), { quiet: options.quiet || options.json })
  }

  async toEnd(): Promise<number> {
    const workers = Array.from({ length: Math.min(this.#options.concurrency, this.#waiting.length) }, () =>
      this.#work(),
    )
    await Promise.all(workers)
    this.screen.close()
    const rows = this.#agent_ids.map((agent_id): Row => this.#rows.get(agent_id) ?? this.#unstarted(agent_id))
    if (!this.#options.json) process.stderr.write(`\n${table([HEAD, ...rows.map(cellsOf)])}`)
    return Math.max(...rows.map(exitCodeOf))
  }

  /** Starts no more, and ends what runs. */
  async cancel(): Promise<void> {
    this.#cancelled = true
    this.#waiting.length = 0
    // Who has ended meanwhile, or cannot be reached, has its row in the table all the same.
    await Promise.allSettled([...this.#running.values()].map((run) => run.cancel()))
  }

  async #work(): Promise<void> {
    for (let agent_id = this.#waiting.shift(); agent_id !== undefined; agent_id = this.#waiting.shift()) {
      const run = this.#ogent.execute({ ...this.#request, agent_id })
      this.#running.set(agent_id, run)
      try {
        await (this.#options.json ? this.#printJson(agent_id, run) : this.#print(agent_id, run))
        this.#rows.set(agent_id, { agent_id, outcome: await run })
      } catch (error) {
        if (!(error instanceof OgentError)) throw error
        this.#rows.set(agent_id, { agent_id, error })
        const { code, message } = error
        if (this.#options.json)
          await writeJson({ type: 'error', agent_id, code, message: withoutPasswords(message) })
        if (run.last_seq === undefined && ofAll.includes(code)) this.#stop(error)
      } finally {
        this.#running.delete(agent_id)
      }
    }
  }

  /** A controller that is away, or refuses the login: the others would only get the same answer, one by one. */
  #stop(error: OgentError): void {
    this.#stopped ??= error
    this.#waiting.length = 0
  }

  #unstarted(agent_id: string): Row {
    return this.#stopped ? { agent_id, error: this.#stopped } : { agent_id }
  }

  /** An event does not name its agent each time, so the line does. */
  async #printJson(agent_id: string, run: CommandRun): Promise<void> {
    for await (const event of run) await writeJson({ agent_id, ...event })
  }

  async #print(agent_id: string, run: CommandRun): Promise<void> {
    const lines = {
      stdout: new LinePrefixer(this.#prefix(agent_id, process.stdout)),
      stderr: new LinePrefixer(this.#prefix(agent_id, process.stderr)),
    }
    for await (const event of run.raw) {
      if (isOutput(event)) await this.screen.write(event.stream, lines[event.stream].push(event.data))
      if (event.type === 'command_response') {
        for (const warning of event.warnings ?? []) this.screen.say(`${agent_id}: warning: ${warning}`)
      }
    }
    for (const stream of ['stdout', 'stderr'] as const) await this.screen.write(stream, lines[stream].end())
  }

  #prefix(agent_id: string, stream: NodeJS.WriteStream): string {
    const colour = COLOURS[this.#agent_ids.indexOf(agent_id) % COLOURS.length] ?? 'reset'
    return `${styleText(colour, pad(agent_id, this.#width), { stream })} | `
  }

  #status(): string {
    const done = `${this.#rows.size} of ${this.#agent_ids.length} done`
    const running = this.#cancelled ? 'cancelling' : `${this.#running.size} running`
    const interrupt = this.#cancelled ? 'Ctrl-C leaves at once' : 'Ctrl-C cancels'
    return [done, running, durationForPeople(performance.now() - this.#began), interrupt].join(' · ')
  }
}

const ofAll: ErrorCode[] = ['CONNECTION_LOST', 'UNAUTHORIZED', 'UNAVAILABLE']

/** Of the agents' names, in turns. */
const COLOURS = ['red', 'green', 'yellow', 'blue', 'magenta', 'cyan'] as const

const HEAD = ['AGENT', 'STATUS', 'EXIT', 'TIME', 'OUTPUT', 'NOTE']

function cellsOf({ agent_id, outcome, error }: Row): string[] {
  if (error) return [agent_id, 'failed', '', '', '', withoutPasswords(messageOf(error))]
  if (!outcome) return [agent_id, 'not started', '', '', '', '']
  const { status, exit_code, duration_ms, stdout_bytes, stderr_bytes, reason } = outcome
  return [
    agent_id,
    status,
    exit_code === null ? '' : String(exit_code),
    durationForPeople(duration_ms),
    bytesForPeople(stdout_bytes + stderr_bytes),
    reason ?? '',
  ]
}

function exitCodeOf({ outcome, error }: Row): number {
  if (error) return exitCodes.ofError(error)
  return outcome ? exitCodes.ofOutcome(outcome) : exitCodes.cancelled
}
