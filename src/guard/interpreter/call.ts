import type { Invocation } from './programs/invocation.js'
import type { Context, Session, Shape } from './programs/session.js'

/** A program that may run others, with all that is needed to read those. */
export interface Call {
  readonly invocation: Invocation
  readonly shape: Shape
  readonly context: Context
  readonly session: Session
}
