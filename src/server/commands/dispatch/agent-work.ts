import type { Agents } from '../../agents/registry.js'
import type { Adopted, Attendance, OwnedWork } from '../../cluster/ports.js'
import type { Journal } from '../../journal/journal.js'
import type { CommandState } from '../../journal/port.js'
import type { Commands } from '../service.js'
import type { Dispatcher } from './dispatcher.js'

export type AgentWorkOptions = {
  journal: Journal
  agents: Agents
  dispatcher: Dispatcher
  commands: Commands
  attendance: Attendance
  graceMs: number
}

/** What the owner of an agent does: it dispatches the agent's commands, and ends them when the agent does not come back. */
export class AgentWork implements OwnedWork {
  readonly #options: AgentWorkOptions
  /** Since when a command that goes with its subscribers has had none, by a clock that only counts. */
  readonly #unattended = new Map<string, number>()

  constructor(options: AgentWorkOptions) {
    this.#options = options
  }

  async recover(): Promise<void> {
    await this.#options.dispatcher.recover()
    await this.#options.commands.recover(this.#options.graceMs)
  }

  async open(): Promise<Map<string, string[]>> {
    const byAgent = new Map<string, string[]>()
    for (const { agent_id, command_id } of await this.#options.journal.openIds()) {
      const ids = byAgent.get(agent_id)
      if (ids) ids.push(command_id)
      else byAgent.set(agent_id, [command_id])
    }
    return byAgent
  }

  async adopt(agent_id: string, { idleMs, wasInUse }: Adopted, isMine: () => boolean): Promise<void> {
    const { journal, agents, dispatcher } = this.#options
    if (wasInUse) agents.linkDied(agent_id)
    const states: CommandState[] = []
    for await (const state of journal.open(agent_id)) {
      if (!dispatcher.has(state.record.command_id)) states.push(state)
    }
    // The agent may have come here meanwhile, or gone elsewhere.
    if (!agents.link(agent_id) && isMine()) dispatcher.adopt(states, idleMs)
  }

  drop(agent_id: string): string[] {
    return this.#options.dispatcher.drop(agent_id)
  }

  async receive(_agent_id: string, command_id: string, isMine: () => boolean): Promise<void> {
    const state = await this.#options.journal.state(command_id)
    if (state && isMine()) this.#options.dispatcher.review(state)
  }

  async check(agent_id: string, open: string[], isMine: () => boolean): Promise<boolean> {
    const { journal, dispatcher, agents } = this.#options
    if (open.some((command_id) => !dispatcher.has(command_id))) {
      for await (const state of journal.open(agent_id)) {
        if (isMine() && !dispatcher.has(state.record.command_id)) dispatcher.review(state)
      }
    }
    return agents.link(agent_id) !== undefined || open.length > 0 || dispatcher.openOf(agent_id).length > 0
  }

  /** A controller that died cannot tell that a subscriber has not come back: that is found out here. */
  async swept(): Promise<void> {
    const { attendance, dispatcher, commands, graceMs } = this.#options
    const leased = new Set(dispatcher.leased())
    for (const command_id of this.#unattended.keys()) {
      if (!leased.has(command_id)) this.#unattended.delete(command_id)
    }
    for (const command_id of leased) {
      if ((await attendance.count(command_id)) > 0) {
        this.#unattended.delete(command_id)
        continue
      }
      const since = this.#unattended.get(command_id) ?? performance.now()
      this.#unattended.set(command_id, since)
      if (performance.now() - since >= graceMs) await commands.abandon(command_id)
    }
  }
}
