import { OgentError } from '../shared/errors.js'
import { ownError } from './errors.js'

/** What a call is about, where that is known when it is made. */
export type Subject = { agent_id?: string | undefined; command_id?: string | undefined }

/** What V8 has, and other engines of late. */
type Capture = (target: object, below: unknown) => void

/**
 * Where a program called the SDK. What the call throws later, when an answer or the end of a connection has come, would have
 * the receiving of that as its stack, which says nothing to the program's author.
 */
export class CallSite {
  readonly #subject: Subject
  readonly #captured: { stack?: string | undefined }

  /** The frames are those that called `below`. To capture them takes microseconds; their text is made where it is read. */
  constructor(below: unknown, subject: Subject = {}) {
    this.#subject = subject
    const { captureStackTrace } = Error as { captureStackTrace?: Capture }
    this.#captured = captureStackTrace ? {} : new Error()
    captureStackTrace?.(this.#captured, below)
  }

  /** The error as the caller is to see it: an error of the caller's own as it was, any of ours with the caller's frames. */
  error(thrown: unknown): unknown {
    const error = thrown instanceof OgentError ? ownError(thrown) : thrown
    // Several calls may fail by one error, such as that of the connection: each throws its own.
    if (error !== thrown || !(error instanceof OgentError)) return error
    const { agent_id = this.#subject.agent_id, command_id = this.#subject.command_id } = error
    const { cause, issues, risks, retry_after_seconds, outcome } = error
    const known = { cause, issues, risks, retry_after_seconds, outcome, agent_id, command_id }
    const seen = new OgentError(error.code, error.message, known)
    const { stack = '' } = this.#captured
    const frames = stack.search(/^ +at /m)
    // Engines that name frames in another way have no first line in a stack.
    const value = frames < 0 ? stack : `${seen.name}: ${seen.message}\n${stack.slice(frames)}`
    if (stack !== '') Object.defineProperty(seen, 'stack', { value, configurable: true, writable: true })
    return seen
  }
}
