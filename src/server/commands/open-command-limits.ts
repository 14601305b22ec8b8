import type { ParsedCommandRequest } from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'

/** The texts of the open commands of one account, or of one agent, take so many characters at most: stdin is one of them. */
const MAX_CHARACTERS = 128 * 1024 * 1024
/** How often the store is asked which commands have ended elsewhere, in ms, for one account or agent at its limit. */
const ASK_AGAIN_MS = 1000

export type OpenLimitsOptions = {
  perUser: number
  perAgent: number
  /** Those of these commands that have not ended. */
  stillOpen: (commands: { agent_id: string; command_id: string }[]) => Promise<string[]>
}

/** A command that is about to be made; `length`: characters of its texts. */
type Counted = { command_id: string; agent_id: string; username: string; length: number }

/** What of a request is counted, by the account with this name. */
export function toCounted(
  command_id: string,
  request: ParsedCommandRequest,
  { name: username }: { name: string },
): Counted {
  const { agent_id, command, stdin = '', env = {} } = request
  const length = command.length + stdin.length + Object.entries(env).flat().join('').length
  return { command_id, agent_id, username, length }
}

type Held = Counted & { made: boolean }
type Tally = { commands: Map<string, Held>; length: number; askedAt: number }
type Full = { name: string; tally: Tally; limit: number; setting: string }

/**
 * Counts the commands that were started through this controller and have not ended, by account and by agent, and says
 * when it is enough. An end at another controller is not reported here, so the store is asked before a user is refused.
 */
export class OpenLimits {
  readonly #options: OpenLimitsOptions
  readonly #held = new Map<string, Held>()
  readonly #users = new Map<string, Tally>()
  readonly #agents = new Map<string, Tally>()

  constructor(options: OpenLimitsOptions) {
    this.#options = options
  }

  /**
   * Counts a command before it is made; false for one that is counted already. Throws RATE_LIMITED where its account or
   * its agent has too many.
   */
  async take(command: Counted): Promise<boolean> {
    // Ends at other controllers may make room for the account, and then for the agent.
    for (let tries = 0; tries < 2; tries++) {
      const full = this.#full(command)
      if (full) await this.#forgetEnded(full.tally)
    }
    const full = this.#full(command)
    if (full) throw refusal(full)
    return this.#add({ ...command, made: false })
  }

  /** Counts a command that an earlier process of this controller left open. */
  recover(command: Counted): void {
    this.#add({ ...command, made: true })
  }

  /** From now on the store knows the command. */
  made(command_id: string): void {
    const held = this.#held.get(command_id)
    if (held) held.made = true
  }

  /** The command has ended, or was not made. */
  release(command_id: string): void {
    const held = this.#held.get(command_id)
    if (!held) return
    this.#held.delete(command_id)
    remove(this.#users, held.username, held)
    remove(this.#agents, held.agent_id, held)
  }

  /** What has no room for this command: its account or its agent. */
  #full({ username, agent_id, length }: Counted): Full | undefined {
    const { perUser, perAgent } = this.#options
    const user = this.#users.get(username)
    if (user && !isRoom(user, perUser, length)) {
      return { name: username, tally: user, limit: perUser, setting: 'MAX_OPEN_COMMANDS_PER_USER' }
    }
    const agent = this.#agents.get(agent_id)
    if (!agent || isRoom(agent, perAgent, length)) return undefined
    return {
      name: `Agent ${agent_id}`,
      tally: agent,
      limit: perAgent,
      setting: 'MAX_OPEN_COMMANDS_PER_AGENT',
    }
  }

  async #forgetEnded(tally: Tally): Promise<void> {
    const now = performance.now()
    if (now - tally.askedAt < ASK_AGAIN_MS) return
    tally.askedAt = now
    const made = [...tally.commands.values()].filter((held) => held.made)
    const open = new Set(await this.#options.stillOpen(made))
    for (const { command_id } of made) if (!open.has(command_id)) this.release(command_id)
  }

  #add(held: Held): boolean {
    if (this.#held.has(held.command_id)) return false
    this.#held.set(held.command_id, held)
    add(this.#users, held.username, held)
    add(this.#agents, held.agent_id, held)
    return true
  }
}

function refusal({ name, tally, limit, setting }: Full): OgentError {
  const what =
    tally.commands.size >= limit
      ? `${tally.commands.size} commands that have not ended, which is the limit (${setting})`
      : `commands that have not ended with ${tally.length} characters of text, env and stdin, and ${MAX_CHARACTERS} is the limit`
  const sentence = `${name} has ${what}: cancel some, or try again when some have ended.`
  return new OgentError('RATE_LIMITED', sentence, { retry_after_seconds: 1 })
}

function isRoom({ commands, length }: Tally, limit: number, more: number): boolean {
  return commands.size < limit && length + more <= MAX_CHARACTERS
}

function add(tallies: Map<string, Tally>, name: string, held: Held): void {
  const tally = tallies.get(name) ?? { commands: new Map(), length: 0, askedAt: Number.NEGATIVE_INFINITY }
  tallies.set(name, tally)
  tally.commands.set(held.command_id, held)
  tally.length += held.length
}

function remove(tallies: Map<string, Tally>, name: string, held: Held): void {
  const tally = tallies.get(name)
  if (!tally?.commands.delete(held.command_id)) return
  tally.length -= held.length
  if (tally.commands.size === 0) tallies.delete(name)
}
