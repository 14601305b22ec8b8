import type { Identity, Role, TokenReply } from '../shared/access/identity.js'
import type { Agent } from '../shared/agents/agent.js'
import type { AiProcessing, Validation } from '../shared/analysis/analysis.js'
import type { StreamName } from '../shared/commands/event.js'
import type { CommandStatus } from '../shared/commands/result.js'
import type { Machine } from '../shared/link/protocol.js'

/** What the core asks of the outside. The journal's port is in journal.ts. */

export type StoredUser = {
  username: string
  role: Role
  password_hash: string
  /** Whether it is not stored, but lives as long as the process. */
  temporary?: true
}

export interface Users {
  find(username: string): Promise<StoredUser | undefined>
  /** Those of these names that there are. */
  findAll(usernames: string[]): Promise<Map<string, StoredUser>>
}

export interface Passwords {
  /** Compares in constant time; with no hash it takes as long as with one, and says no. */
  verify(password: string, hash: string | undefined): Promise<boolean>
  /** Whether it proved right before; false where that is not remembered. */
  isProven(password: string, hash: string): boolean
}

/** An identity with what tells the password of its account from another one; absent where that is not known. */
export type StampedIdentity = Identity & { stamp?: string | undefined }

/** An identity as a token proves it; `expires_at` in ms since 1970. */
export type ProvenIdentity = StampedIdentity & { expires_at: number }

export interface Tokens {
  issue(identity: StampedIdentity): Promise<TokenReply>
  /** Throws UNAUTHORIZED, saying whether the token is wrong or has expired. */
  verify(token: string): Promise<ProvenIdentity>
}

/** An agent as it is remembered: `owner` is the account that registered it first, `machine` where it was last. */
export type KnownAgent = { agent: Agent; owner: string; machine?: Machine | undefined }

export interface AgentStore {
  all(): Promise<KnownAgent[]>
  put(known: KnownAgent): Promise<void>
  /** False where it is kept, since it has a link. */
  forget(agent_id: string): Promise<boolean>
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What is counted of the work. Some of it happens at every chunk: a call may cost no more than an addition. */
export interface Meters {
  /** Bytes of output that got their place in the journal. */
  output(stream: StreamName, bytes: number): void
  /** Seconds from a request to the first output of its command. */
  firstByte(seconds: number): void
  /** A result got its place; `seconds` is how long the command ran, 0 where it never did. */
  ended(command_id: string, status: CommandStatus, seconds: number): void
  loginFailed(): void
}

/** The trace of a request for a command. */
export type Trace = {
  /** What the agent has to name to be a part of it (W3C). */
  readonly traceparent: string
  /** The request made no command: it was refused, with a code of the closed table, or it follows one that is known. */
  withdraw(refusal?: string): void
}

/** Where commands leave a trace, for those who look from outside. */
export interface Traces {
  /** A request for a command begins. */
  begin(
    command: { command_id: string; agent_id: string; requested_by: string },
    parent: string | undefined,
  ): Trace
  ended(command_id: string, status: CommandStatus): void
}

/** What can be said of a command line without asking anybody: `src/guard`. */
export interface Rules {
  analyze(
    command: string,
    about: { system?: string; context?: string },
    account: string,
  ): AiProcessing | Promise<AiProcessing>
  /** The verdict alone, with what the command meets when it runs. */
  judge(run: JudgedRun, account: string): Validation | Promise<Validation>
  /** Folds an opinion onto a verdict: it may raise it and add to it, nothing else. */
  fold(verdict: Validation, opinion: Validation): Validation
  /** Whether a proposed line only arranges the words of another anew, and is no riskier. */
  isRearrangement(command: string, proposal: string, account: string): boolean | Promise<boolean>
}

/** A command, and what of its request can change what it does. */
export type JudgedRun = {
  command: string
  cwd?: string | undefined
  env?: Record<string, string> | undefined
  stdin?: string | undefined
}

/** What a model is asked; secrets in it are masked. */
export type Question = { command: string; system?: string; context?: string }

/** A model that has an opinion of commands. */
export interface Advisor {
  /** The model's name: another model has other opinions. */
  readonly model: string
  /** Rejects with a short phrase that holds nothing of what the provider said, which may repeat the key. */
  advise(question: Question, signal: AbortSignal): Promise<AiProcessing>
}

/** Opinions asked for before, in a bound: the oldest go first. */
export interface Opinions {
  get(key: string): Promise<AiProcessing | undefined>
  put(key: string, opinion: AiProcessing): Promise<void>
}
