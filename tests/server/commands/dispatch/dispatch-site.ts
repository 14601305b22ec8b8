import { expect } from 'vitest'
import type { AgentLink } from '../../../../src/server/agents/connection.js'
import { LocalOwnership } from '../../../../src/server/cluster/local.js'
import type { Ownership } from '../../../../src/server/cluster/ports.js'
import { Dispatcher } from '../../../../src/server/commands/dispatch/dispatcher.js'
import type { OrderState } from '../../../../src/server/commands/dispatch/open-commands.js'
import { agentIdentity, CommandParts, helloOf, LinkReader, report } from '../../../support/command-parts.js'
import { rolePolicy } from '../../../support/role-policy.js'

type Options = { graceMs?: number; ownership?: Partial<Ownership> }

/** A dispatcher among the real parts of a controller. */
export class Site {
  readonly parts: CommandParts
  readonly dispatcher: Dispatcher

  constructor({ graceMs, ownership }: Options = {}) {
    this.parts = new CommandParts(graceMs === undefined ? {} : { graceMs })
    const { journal, agents, reports, log, events } = this.parts
    this.dispatcher = new Dispatcher({
      journal,
      agents,
      ownership: Object.assign(new LocalOwnership(), ownership),
      reports,
      log,
      events,
      policy: rolePolicy,
      graceMs: this.parts.graceMs,
    })
  }

  /** The agent says hello, and names these commands as its own. */
  async connect(...commands: string[]): Promise<LinkReader> {
    const link = await this.dispatcher.connect(helloOf('a1', { commands }), agentIdentity)
    return new LinkReader(link)
  }

  /** A new command whose order is dispatched. */
  async dispatch(command_id: string, options?: Parameters<CommandParts['create']>[1]): Promise<void> {
    const { state, order } = await this.parts.create(command_id, options)
    this.dispatcher.dispatch(state, order)
  }

  /** The agent reports on its commands by the link that it has. */
  async report(...reports: Parameters<CommandParts['reports']['accept']>[1]): Promise<void> {
    await this.parts.reports.accept(this.link, reports)
  }

  get link(): AgentLink {
    const link = this.parts.agents.link('a1')
    if (!link) throw new Error('The agent is not connected.')
    return link
  }

  async cancel(command_id: string): Promise<void> {
    await this.dispatcher.cancel(await this.parts.state(command_id), 'olga')
  }

  /** The link of the agent is lost: resolves when the dispatcher has heard of it. */
  async lose(): Promise<void> {
    const lost = new Promise<void>((resolve) => this.parts.events.on('link_lost', () => resolve()))
    this.link.close()
    await lost
  }

  /** What was asked at another controller, which has written to the same journal. */
  async cancelElsewhere(command_id: string) {
    const timestamp = new Date().toISOString()
    const base = { type: 'command_progress', command_id, timestamp } as const
    await this.parts.journal.append(command_id, [
      { event: { ...base, state: 'cancel_requested', requested_by: 'olga' } },
    ])
    return this.parts.state(command_id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispatcher.close()
    await this.parts[Symbol.asyncDispose]()
  }
}

/** Where a command is, by its journal and by what is tracked of its order. */
export type State = 'untracked' | OrderState | 'away' | 'ended'

export async function stateOf({ dispatcher, parts }: Site, command_id: string): Promise<State> {
  const { result_seq, away } = await parts.state(command_id)
  const open = dispatcher.openOf('a1').find((one) => one.command_id === command_id)
  expect(dispatcher.has(command_id)).toBe(open !== undefined)
  if (result_seq !== undefined) {
    expect(open).toBeUndefined()
    return 'ended'
  }
  if (!open) return 'untracked'
  return away ? 'away' : open.order
}

export const steps = {
  dispatch: async (site: Site) => {
    const order = await site.parts.journal.order('c')
    if (order) site.dispatcher.dispatch(await site.parts.state('c'), order)
  },
  'be reviewed': async (site: Site) => site.dispatcher.review(await site.parts.state('c')),
  'be cancelled': (site: Site) => site.cancel('c'),
  'connect without it': (site: Site) => site.connect(),
  'connect with it': (site: Site) => site.connect('c'),
  report: (site: Site) => site.report(report.started('c')),
  end: async (site: Site) => site.report(report.result('c', (await site.parts.state('c')).last_report + 1)),
  'lose the link': (site: Site) => site.lose(),
  'be adopted': async (site: Site) => site.dispatcher.adopt([await site.parts.state('c')], 0),
  'be dropped': async (site: Site) => void site.dispatcher.drop('a1'),
  'be recovered': (site: Site) => site.dispatcher.recover(),
}
export type Step = keyof typeof steps

/** How a command comes into each state; only a store that is away leaves one withdrawn for long. */
const ways = {
  untracked: [],
  waiting: ['dispatch'],
  sent: ['connect without it', 'dispatch'],
  acknowledged: ['connect without it', 'dispatch', 'report'],
  away: ['connect without it', 'dispatch', 'report', 'lose the link'],
  ended: ['connect without it', 'dispatch', 'report', 'end'],
} satisfies Record<Exclude<State, 'withdrawn'>, Step[]>
export type Way = keyof typeof ways

export async function siteWith(state: Way, options?: Options): Promise<Site> {
  const site = new Site(options)
  await site.parts.create('c')
  for (const step of ways[state] satisfies Step[]) await steps[step](site)
  expect(await stateOf(site, 'c')).toBe(state)
  return site
}
