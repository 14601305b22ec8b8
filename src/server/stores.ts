import type { StoredUser, Users } from './access/ports.js'
import type { Fleet } from './agents/fleet.js'
import type { AgentStore } from './agents/store.js'
import type { Opinions } from './analysis/ports.js'
import type { JournalStore } from './journal/port.js'

/** Where a controller keeps what outlives it: a folder of its own, or a Redis that it shares with others. */
export type Storage = {
  /** As `/ready` names it. */
  name: 'journal' | 'redis'
  journal: JournalStore
  agents: AgentStore
  opinions: Opinions
  users: KeptUsers
  secret: string
  /** The same at every start and at every controller that shares the store, and at no other. */
  deployment: string
  /** Set where it is shared. */
  shared: SharedStorage | undefined
  /** What is left to do when the journal is closed. */
  close(): void
}

export type SharedStorage = {
  fleet: Fleet
  openIds(): Promise<{ agent_id: string; command_id: string }[]>
  /** Calls when the store can be reached again. */
  onReady(listener: () => void): void
}

export type KeptUsers = Users & {
  /** False where there is an account of that name. */
  add(user: StoredUser): boolean | Promise<boolean>
}
