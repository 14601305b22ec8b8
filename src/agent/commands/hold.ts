import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecuteOrder, InputAnswer, Order } from '../../shared/link/protocol.js'
import type { Ledger, Log } from './ports.js'
import { type End, failure } from './result.js'

/** What a hold needs of the runner that it holds back. */
export type HeldRunner = {
  take(order: Order, controllerNow: number): void
  reject(order: ExecuteOrder, end: End): void
}

export type HoldOptions = {
  runner: HeldRunner
  outbox: { has(command_id: string): boolean }
  ledger: Pick<Ledger, 'has'>
  log: Log
  /** Commands that are not receipted to their ends. */
  unsettled: () => number
  /** Answers a piece of input for a command that is held. */
  onInput: (answer: InputAnswer) => void
  /** The agent's folder, where `hold.json` says how far the hold is. */
  folder: string
  /** Orders that may be held; one more ends at once as an error. */
  maxHeld: number
}

/** What `hold.json` says to a program that waits until the agent may be restarted. */
export type HoldState = {
  pid: number
  /** Commands that a restart would end or forget. */
  open: number
  /** Orders that have come meanwhile. */
  held: number
}

export const HOLD_FILE = 'hold.json'

/** How long a hold lasts that is not begun again, in ms: the program that began it may be gone. */
const HOLD_MS = 20_000
const LOOK_MS = 200
const TOO_LATE = failure(
  'AGENT_BUSY',
  'The agent is about to be upgraded and waits for commands that still run; this one was not started.',
)
const TOO_MANY = failure('AGENT_BUSY', 'The agent is about to be upgraded, and many commands wait for that.')

/** An order with what tells the controller's clock from this process's. */
type Held = {
  order: ExecuteOrder
  clockOffset: number
  /** Whether a piece of its input has come, whose writer waits for another answer. */
  isAwaited: boolean
}

/**
 * Passes orders from the link to the runner, and holds new ones back until an idle moment in which the agent may be restarted:
 * what was taken before runs on, a new order is neither started nor reported. The controller sends it again to the agent that
 * comes next, as any order that was not reported. A hold ends by itself, and what is held is then taken.
 */
export class Hold {
  readonly #options: HoldOptions
  readonly #file: string
  readonly #held = new Map<string, Held>()
  #until: number | undefined
  #timer: NodeJS.Timeout | undefined
  #said = ''

  constructor(options: HoldOptions) {
    this.#options = options
    this.#file = join(options.folder, HOLD_FILE)
    // Of an agent that was killed.
    rmSync(this.#file, { force: true })
  }

  /** Holds for so many ms from now on; what was left of a hold before does not count. */
  begin(ms = HOLD_MS): void {
    if (this.#until === undefined) this.#options.log.info({}, 'new commands are held back')
    this.#until = performance.now() + ms
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS)
    this.#look()
  }

  /** Takes an order of the controller, or holds it; `controllerNow` as in `Runner.take`. */
  take(order: Order, controllerNow: number): void {
    const { runner, outbox, ledger, maxHeld } = this.#options
    if (this.#until === undefined) return runner.take(order, controllerNow)
    const { command_id } = order
    const held = this.#held.get(command_id)
    if (order.type === 'cancel_command_event' && held) {
      this.#held.delete(command_id)
      const end: End = { status: 'cancelled', reason: `Cancelled by ${order.requested_by}.` }
      return this.#release(held, () => runner.reject(held.order, end))
    }
    if (order.type === 'stdin_command_event' && held) return this.#refuseInput(held)
    const isNew = !outbox.has(command_id) && !ledger.has(command_id)
    if (order.type !== 'execute_command_event' || !isNew) return runner.take(order, controllerNow)
    if (!held && this.#held.size >= maxHeld) return runner.reject(order, TOO_MANY)
    const isAwaited = held?.isAwaited ?? false
    this.#held.set(command_id, { order, clockOffset: controllerNow - performance.now(), isAwaited })
  }

  /** Ends the watch and takes nothing of what is held: that is for the agent that comes next. */
  close(): void {
    clearInterval(this.#timer)
    rmSync(this.#file, { force: true })
  }

  #look(): void {
    const now = performance.now()
    for (const [command_id, held] of this.#held) {
      const { order, clockOffset } = held
      if (order.expires_at >= now + clockOffset) continue
      this.#held.delete(command_id)
      this.#release(held, () => this.#options.runner.reject(order, TOO_LATE))
    }
    if (this.#until !== undefined && now >= this.#until) return this.#end(now)
    this.#say({ pid: process.pid, open: this.#options.unsettled(), held: this.#held.size })
  }

  #end(now: number): void {
    const { runner, log } = this.#options
    this.close()
    this.#until = undefined
    this.#timer = undefined
    this.#said = ''
    log.info({ commands: this.#held.size }, 'commands are taken again')
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const one of held) this.#release(one, () => runner.take(one.order, now + one.clockOffset))
  }

  /** None of it is taken before it is known which agent runs the command: that one has to have all of it. */
  #refuseInput(held: Held): void {
    const { command_id, open_stdin = false } = held.order
    held.isAwaited = open_stdin
    this.#options.onInput({ command_id, taken: 0, state: open_stdin ? 'full' : 'closed' })
  }

  /** Gives a command to the runner, which answers a writer that waits. */
  #release({ order: { command_id }, clockOffset, isAwaited }: Held, give: () => void): void {
    give()
    if (!isAwaited) return
    const question = { type: 'stdin_command_event', command_id, offset: 0, data: new Uint8Array(0) } as const
    this.#options.runner.take(question, performance.now() + clockOffset)
  }

  #say(state: HoldState): void {
    const text = `${JSON.stringify(state)}\n`
    if (text === this.#said) return
    try {
      writeFileSync(this.#file, text, { mode: 0o600 })
      this.#said = text
    } catch {
      // A full disk: it is tried again at the next look, and the program that waits for it waits on.
    }
  }
}
