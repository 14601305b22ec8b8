export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
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
}
