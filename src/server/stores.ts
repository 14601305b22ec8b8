import type { AuditKey } from '../audit/keys.js'
import type { AuditStore } from './access/audit/ports.js'
import type { PolicyStore } from './access/policy/store.js'
import type {
  EndedSession,
  OpenLimiter,
  SessionStore,
  SharedRows,
  StoredToken,
  StoredUser,
  TokenUses,
} from './access/ports.js'
import type { AgentDirectory } from './agents/directory.js'
import type { EnrolmentRows } from './agents/enrolment/rows.js'
import type { Opinions } from './analysis/ports.js'
import type { Attendance, Ownership, Relay } from './cluster/ports.js'
import type { JournalStore } from './journal/port.js'

/** Where a controller keeps what outlives it: a folder of its own, or a Redis that it shares with others. */
export type Storage = {
  /** As `/ready` names it. */
  name: 'journal' | 'redis'
  journal: JournalStore
  directory: AgentDirectory
  /** Join tokens, and the identities of agents. */
  enrolment: EnrolmentRows
  ownership: Ownership
  attendance: Attendance
  relay: Relay
  audit: AuditStore
  /** Signs the heads of the chain that this controller writes. */
  auditKey: AuditKey
  /** Signs orders; undefined where none was given, and none can be kept apart from what it protects. */
  orderKey: AuditKey | undefined
  opinions: Opinions
  policies: PolicyStore
  users: SharedRows<StoredUser>
  sessions: SessionStore
  endedSessions: SharedRows<EndedSession>
  tokens: SharedRows<StoredToken>
  tokenUses: TokenUses
  /** What counts failed logins. */
  limiters: OpenLimiter
  secret: string
  /** The same at every start and at every controller that shares the store, and at no other. */
  deployment: string
  /** How much room there is on the disk of the data; undefined where another machine keeps it. */
  disk(): Promise<{ free_bytes: number; size_bytes: number } | undefined>
  /** What is left to do when the journal is closed. */
  close(): void
}
