import type { StreamName } from '../../shared/commands/event.js'
import type { CommandStatus } from '../../shared/commands/result.js'

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
