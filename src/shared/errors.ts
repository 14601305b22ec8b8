import type { CommandOutcome } from './commands/outcome.js'

/**
 * The closed table of what can go wrong, the same on every surface: REST status, tRPC code, SDK `code`.
 *
 * `status` is the HTTP status, `trpc` the tRPC error key that maps to it, `retryable` says whether the same
 * request may succeed later without being changed.
 */
export const errorTable = {
  BAD_REQUEST: { status: 400, trpc: 'BAD_REQUEST', retryable: false, title: 'Bad request' },
  UNAUTHORIZED: { status: 401, trpc: 'UNAUTHORIZED', retryable: false, title: 'Not authenticated' },
  FORBIDDEN: { status: 403, trpc: 'FORBIDDEN', retryable: false, title: 'Not allowed' },
  COMMAND_REFUSED: { status: 403, trpc: 'FORBIDDEN', retryable: false, title: 'Command refused' },
  APPROVAL_REQUIRED: { status: 403, trpc: 'FORBIDDEN', retryable: false, title: 'Approval is required' },
  TOKEN_EXHAUSTED: { status: 403, trpc: 'FORBIDDEN', retryable: false, title: 'Token is used up' },
  AGENT_REVOKED: { status: 403, trpc: 'FORBIDDEN', retryable: false, title: 'Agent is revoked' },
  NOT_FOUND: { status: 404, trpc: 'NOT_FOUND', retryable: false, title: 'Not found' },
  AGENT_NOT_FOUND: { status: 404, trpc: 'NOT_FOUND', retryable: false, title: 'Unknown agent' },
  COMMAND_NOT_FOUND: { status: 404, trpc: 'NOT_FOUND', retryable: false, title: 'Unknown command' },
  METHOD_NOT_ALLOWED: {
    status: 405,
    trpc: 'METHOD_NOT_SUPPORTED',
    retryable: false,
    title: 'Method not allowed',
  },
  AGENT_OFFLINE: { status: 409, trpc: 'CONFLICT', retryable: true, title: 'Agent is not connected' },
  TARGET_UNAVAILABLE: { status: 409, trpc: 'CONFLICT', retryable: true, title: 'Target is unavailable' },
  COMMAND_ENDED: { status: 409, trpc: 'CONFLICT', retryable: false, title: 'Command has ended' },
  COMMAND_ID_TAKEN: { status: 409, trpc: 'CONFLICT', retryable: false, title: 'Command id is in use' },
  AGENT_CLONED: { status: 409, trpc: 'CONFLICT', retryable: true, title: 'Agent is on another machine' },
  AGENT_ID_TAKEN: { status: 409, trpc: 'CONFLICT', retryable: true, title: 'Agent id is in use' },
  USER_EXISTS: { status: 409, trpc: 'CONFLICT', retryable: false, title: 'Username is in use' },
  POLICY_CHANGED: {
    status: 412,
    trpc: 'PRECONDITION_FAILED',
    retryable: false,
    title: 'Policy was changed meanwhile',
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    trpc: 'PAYLOAD_TOO_LARGE',
    retryable: false,
    title: 'Message too large',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    trpc: 'UNSUPPORTED_MEDIA_TYPE',
    retryable: false,
    title: 'Unsupported media type',
  },
  VALIDATION_FAILED: {
    status: 422,
    trpc: 'UNPROCESSABLE_CONTENT',
    retryable: false,
    title: 'Request is not valid',
  },
  RATE_LIMITED: { status: 429, trpc: 'TOO_MANY_REQUESTS', retryable: true, title: 'Too many requests' },
  COMMAND_FAILED: { status: 500, trpc: 'INTERNAL_SERVER_ERROR', retryable: false, title: 'Command failed' },
  INTERNAL: { status: 500, trpc: 'INTERNAL_SERVER_ERROR', retryable: false, title: 'Internal error' },
  AGENT_BUSY: { status: 503, trpc: 'SERVICE_UNAVAILABLE', retryable: true, title: 'Agent is busy' },
  UNAVAILABLE: { status: 503, trpc: 'SERVICE_UNAVAILABLE', retryable: true, title: 'Service unavailable' },
  CONNECTION_LOST: { status: 503, trpc: 'SERVICE_UNAVAILABLE', retryable: true, title: 'Connection lost' },
  CLOSED: { status: 499, trpc: 'CLIENT_CLOSED_REQUEST', retryable: false, title: 'Client closed' },
  CANCELLED: {
    status: 499,
    trpc: 'CLIENT_CLOSED_REQUEST',
    retryable: false,
    title: 'Cancelled by its signal',
  },
} as const satisfies Record<string, { status: number; trpc: string; retryable: boolean; title: string }>

/** A code of the closed table: see `errorTable`. */
export type ErrorCode = keyof typeof errorTable

/** One thing wrong with a request, as the original's clients read it in a 422's `detail`. */
export interface ValidationIssue {
  /** Where: the names and places that lead to the field. */
  loc: (string | number)[]
  /** What is wrong, for people. */
  msg: string
  /** What kind of thing is wrong, for programs. */
  type: string
}

/** What an error says besides its code and message. */
export type OgentErrorOptions = {
  /** What it came of. */
  cause?: unknown
  /** What a 422 found wrong, one entry a field. */
  issues?: ValidationIssue[] | undefined
  /** Why a command was refused, one sentence a risk. */
  risks?: string[] | undefined
  /** When to try again, in seconds from now, where that is known. */
  retry_after_seconds?: number | undefined
  /** The agent that it is about. */
  agent_id?: string | undefined
  /** The command that it is about. */
  command_id?: string | undefined
  /** How that command ended. */
  outcome?: CommandOutcome | undefined
}

/** The only error that Ogent throws on purpose. `code` is of the closed table. */
export class OgentError extends Error {
  /** Tells it from other errors where `instanceof` does not reach, as across copies of the package. */
  override readonly name = 'OgentError'
  /** What went wrong, for programs. */
  readonly code: ErrorCode
  /** What is wrong with a request, one entry a field; with VALIDATION_FAILED. */
  readonly issues: ValidationIssue[] | undefined
  /** Why a command was refused, one sentence a risk; with COMMAND_REFUSED. */
  readonly risks: string[] | undefined
  /**
   * When to try again, in seconds from when the error was made: what `Retry-After` says over HTTP. Undefined where the error
   * does not pass by itself, or it is not known when.
   */
  readonly retry_after_seconds: number | undefined
  /** The id of the agent that the call was about; in the SDK alone, undefined where it was about none. */
  readonly agent_id: string | undefined
  /** The id of the command that the call was about; in the SDK alone, undefined where it was about none. */
  readonly command_id: string | undefined
  /** How the command ended, with COMMAND_FAILED, and with CANCELLED where its end was seen; in the SDK alone. */
  declare readonly outcome: CommandOutcome | undefined

  constructor(code: ErrorCode, message: string, options: OgentErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.issues = options.issues
    this.risks = options.risks
    this.retry_after_seconds = options.retry_after_seconds
    this.agent_id = options.agent_id
    this.command_id = options.command_id
    // Not shown by those who print or log an error whole: it has the command's output.
    Object.defineProperty(this, 'outcome', { value: options.outcome, enumerable: false })
  }

  /** HTTP status of the code. */
  get status(): number {
    return errorTable[this.code].status
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return errorTable[this.code].retryable
  }
}

/** What a controller says of when to try again, in seconds; an error of its own that passes, and names no time, is over soon. */
export function retryAfter({ retry_after_seconds, status }: OgentError): number | undefined {
  return retry_after_seconds ?? (status === 503 ? 1 : undefined)
}

/** Whether a value is a code of the closed table. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value)
}

/** What the controller tells of an error in the `data` of tRPC's own; undefined where it is none of its errors. */
export function ogentPart(data: unknown) {
  const part = (data as { ogent?: Record<string, unknown> } | null | undefined)?.ogent
  if (!part || !isErrorCode(part.code)) return undefined
  return {
    code: part.code,
    // The controller formats both from its own types; see the error formatter of its router.
    issues: Array.isArray(part.issues) ? (part.issues as ValidationIssue[]) : undefined,
    risks: Array.isArray(part.risks) ? part.risks.map(String) : undefined,
    retry_after_seconds: typeof part.retry_after_seconds === 'number' ? part.retry_after_seconds : undefined,
  }
}

/** The code of what the system or Node.js threw, such as ENOENT; undefined for anything without one. */
export function systemCode(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

/** The sentence of anything thrown, for logs and reasons. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
