import type { Identity } from '../../shared/access/identity.js'
import type { AgentStore, KnownAgent } from './store.js'

/**
 * What controllers that share a store agree on about agents. Each agent with a link or with open commands has one
 * keeper: the controller that brings it orders, and that ends its commands when it stays away. A keeper has a lease;
 * when that lapses, another takes its place.
 */
export interface Fleet extends AgentStore {
  /**
   * Gives an agent's link to this controller, and with it the keeping; gives the account that owns the agent. The
   * newest link of one agent process wins. Throws AGENT_ID_TAKEN while a live controller has a link of another
   * process, FORBIDDEN where another account owns the agent, UNAVAILABLE.
   */
  take(known: Omit<KnownAgent, 'owner'>, instance_id: string, identity: Identity): Promise<string>
  /** Gives the link `sid` back, but not the keeping. False where another link has taken its place. */
  leave(known: KnownAgent, sid: string): Promise<boolean>
  /** Those of these agents that are known. */
  find(agent_ids: string[]): Promise<KnownAgent[]>
  /** Calls with agents that have changed, here or elsewhere, and ids that were forgotten; `others`: all the rest. */
  onChange(listener: (changed: KnownAgent[], gone: string[] | 'others') => void): () => void

  /** Becomes the keeper where there is none that lives; `known` is what is said of an agent whose link died with it. */
  keep(agent_id: string, known: KnownAgent | undefined): Promise<Kept>
  /** Brings a command to the agent's keeper, by its inbox. Becomes the keeper where there is none that lives. */
  hand(agent_id: string, command_id: string): Promise<Kept>
  /** Whether this controller keeps the agent, and it has no link anywhere. */
  keepsAway(agent_id: string): Promise<boolean>
  /** Gives the keeping up, unless there is a link. */
  release(agent_id: string): Promise<void>
  /** Agents whose keeper is dead, and those of these that have none. */
  orphans(agent_ids: string[]): Promise<string[]>

  /** What lies in the inbox of an agent that this controller keeps; undefined where it does not. */
  inbox(agent_id: string): Promise<InboxWord[] | undefined>
  /** Takes these out of the inbox. */
  clear(agent_id: string, ids: string[]): Promise<void>
  /** Calls when it is worth looking into the inbox, with what was put there where that is known. */
  onInbox(agent_id: string, listener: (word: InboxWord | undefined) => void): () => void

  /** Makes this controller's lease last for `ms` from now; false where it had lapsed. */
  renew(ms: number): Promise<boolean>
  /** Lets go of everything at once, for whoever comes next. */
  quit(): Promise<void>

  /** Notes that somebody who asked to take a command along is here. */
  attend(command_id: string): Promise<void>
  /** Takes that back. */
  unattend(command_id: string): Promise<void>
  /** How many controllers that live have somebody who attends to the command. */
  attended(command_id: string): Promise<number>
}

/** One entry of an inbox: a command that is worth looking at. */
export type InboxWord = { id: string; command_id: string }

export type Kept = {
  /** `there`: another controller keeps the agent. `new`: this one does from now on. */
  by: 'here' | 'there' | 'new'
  /** How long the agent has had no link, in ms; only where this controller keeps it. */
  awayMs: number
}
