import type { StreamName } from '../../shared/commands/event.js'
import type { ExecutionTarget } from '../../shared/commands/request.js'
import type { CommandStatus, ExecutionType } from '../../shared/commands/result.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'

/** What an executor is asked to run. Nothing of it may be interpolated into a shell line unquoted. */
export type ExecSpec = {
  command_id: string
  /** Passed as it is to `/bin/sh -c` on the target. */
  command: string
  cwd?: string | undefined
  env?: Record<string, string> | undefined
  /** Written to the standard input, which is then closed unless it is open; without either the command reads end of file. */
  stdin?: string | undefined
  /** Whether the standard input stays open behind `stdin`, as `Execution.input`. */
  open_stdin?: boolean | undefined
}

export type OutputChunk = { stream: StreamName; data: Uint8Array }

/** How a process ended, as seen: nothing is invented. */
export type Exit = {
  /** null when a signal ended it, or when no exit was seen. */
  exit_code: number | null
  /** Such as SIGKILL. */
  signal: string | null
  /** What the two above do not say; null mostly. */
  reason: string | null
  /** The end was not seen (the target or its connection went away): the command is `lost`. */
  lost?: boolean
}

/**
 * The standard input of a process, as far as it is used. Every `Writable` has it; by a name of its own, since declarations of
 * the package must do without the types of Node.js.
 */
export interface ProcessInput {
  readonly destroyed: boolean
  /** The callback is called when the process, or the pipe, has it, or with why not. */
  write(data: Uint8Array, callback: (error?: Error | null) => void): unknown
  end(): unknown
  on(event: 'error' | 'close', listener: () => void): unknown
}

/** One running process, from its start to its end. */
export interface Execution {
  readonly pid: number | undefined
  /**
   * Its standard input behind `stdin`, where it was asked for. Its end is the end of file for the process; it closes by itself
   * when the process is gone, and may break (`error`) before that.
   */
  readonly input?: ProcessInput | undefined
  /** Both streams in the order in which they were read. Who pulls slowly leaves the child's pipe unread. */
  readonly output: AsyncIterable<OutputChunk>
  /** Settles once the process has ended and `output` is drained; never rejects. */
  readonly exit: Promise<Exit>
  /** Ends the process group: asks (TERM), waits `graceMs`, forces (KILL). More calls change nothing. */
  terminate(graceMs: number): void
}

/** A place where commands run. */
export interface Executor {
  readonly type: ExecutionType
  /** What results name as `target`: the agent's id, or `user@host` for SSH. */
  readonly target: string
  /**
   * Starts a process. Rejects with an `OgentError` or an `Error` whose message says why it cannot start.
   * An abort of `signal` while it waits for a connection or a shell gives the start up. A start that takes more than a
   * few seconds tells `onWaiting` once, as a sentence, what it waits for.
   */
  start(spec: ExecSpec, signal: AbortSignal, onWaiting?: (reason: string) => void): Promise<Execution>
  close(): Promise<void>
}

/** Picks the executor for a request; throws `TARGET_UNAVAILABLE` where the agent has no such target. */
export type ExecutorChoice = (target: ExecutionTarget) => Executor

/** Why an agent does not run an order: the rule of its own in a sentence, and what it holds against the command. */
export type Refusal = { sentence: string; risks: string[] }

/** The agent's own last word on an order: undefined where it may run. The promise never rejects. */
export type Objection = (order: ExecuteOrder) => Refusal | undefined | Promise<Refusal | undefined>

/** The commands that this agent has accepted, kept on disk so that none is started twice. */
export interface Ledger {
  /** Whether this id was ever accepted, by this process or one before it. */
  has(command_id: string): boolean
  /** Remembers the id before anything is started. Throws when that cannot be written. */
  accept(command_id: string): void
  /** Remembers the process, so that a successor can end what a killed agent left behind. */
  started(command_id: string, pid: number): void
  /** The controller has the result: only the id is still kept. */
  settled(command_id: string): void
}

/** Where commands leave a trace, for those who look from outside. */
export interface Traces {
  taken(order: { command_id: string; traceparent?: string | undefined }): void
  started(command_id: string, process: { type: ExecutionType; pid: number | undefined }): void
  ended(command_id: string, end: { status: CommandStatus; exit_code: number | null }): void
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
