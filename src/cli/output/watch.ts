import type { CommandOutcome, CommandRun } from '../../client/commands/run.js'
import type { RawCommandEvent } from '../../shared/commands/event.js'
import { isOutput } from '../../shared/commands/event-text.js'
import { OgentError } from '../../shared/errors.js'
import { exitCodes } from './exit-codes.js'
import { writeJson } from './output.js'
import { Screen } from './screen.js'
import { bytesForPeople, durationForPeople } from './units.js'

export type WatchOptions = {
  json: boolean
  quiet: boolean
  /** For the status line. */
  what: string
  /** What Ctrl-C does here. */
  interrupt?: 'cancels' | 'leaves'
}

/** One command on its way: what it writes, what there is to say of it, and its state. */
export class Watch {
  readonly screen: Screen
  readonly #run: CommandRun
  readonly #options: WatchOptions
  readonly #began = performance.now()
  #bytes = 0
  #state = 'waiting'
  #interrupt: string

  constructor(run: CommandRun, options: WatchOptions) {
    this.#run = run
    this.#options = options
    this.#interrupt = options.interrupt ?? 'cancels'
    // Between JSON lines on a terminal, a line of ours would be part of them.
    this.screen = new Screen(() => this.#status(), { quiet: options.quiet || options.json })
  }

  /** Asks for the command's end; who asks again will not wait for it. */
  cancel(): Promise<void> {
    this.#interrupt = 'leaves at once'
    return this.#run.cancel()
  }

  /** Prints all of it; gives the exit code of the command. Says how to go on where the command does and we do not. */
  async toEnd(): Promise<number> {
    try {
      await (this.#options.json ? this.#printJson() : this.#print())
      const outcome = await this.#run
      if (!this.#options.json) this.#sayEnd(outcome)
      return exitCodes.ofOutcome(outcome)
    } catch (error) {
      const goesOn = error instanceof OgentError && this.#run.last_seq !== undefined
      if (goesOn && ['UNAUTHORIZED', 'CONNECTION_LOST', 'UNAVAILABLE'].includes(error.code)) {
        this.screen.say(`no longer watching; the command goes on: ogent follow ${this.#run.command_id}`)
      }
      throw error
    } finally {
      this.screen.close()
    }
  }

  async #printJson(): Promise<void> {
    for await (const event of this.#run) await writeJson(event)
  }

  async #print(): Promise<void> {
    for await (const event of this.#run.raw) {
      if (isOutput(event)) {
        this.#bytes += event.data.length
        await this.screen.write(event.stream, event.data)
      } else this.#hear(event)
    }
  }

  #hear(event: Exclude<RawCommandEvent, { state: 'output' }>): void {
    if (event.type === 'command_response') {
      for (const warning of event.warnings ?? []) this.screen.say(`warning: ${warning}`)
    }
    if (event.type !== 'command_progress') return
    switch (event.state) {
      case 'waiting':
        this.screen.say(event.reason)
        break
      case 'started':
        this.#state = 'running'
        break
      case 'cancel_requested':
        this.#state = 'being cancelled'
        break
      case 'agent_lost':
        this.#state = 'agent offline'
        this.screen.say('the agent is offline; what it runs goes on, and is watched again when it is back')
        break
      case 'agent_back':
        this.#state = 'running'
        this.screen.say('the agent is back')
    }
  }

  #sayEnd({ reason }: CommandOutcome): void {
    if (reason) this.screen.say(reason)
  }

  #status(): string {
    const parts = [this.#options.what, this.#state, durationForPeople(performance.now() - this.#began)]
    if (this.#bytes > 0) parts.push(bytesForPeople(this.#bytes))
    return [...parts, `Ctrl-C ${this.#interrupt}`].join(' · ')
  }
}
