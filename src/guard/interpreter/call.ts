import type { Invocation } from './programs/invocation.js'
import type { Context, Session, Shape } from './programs/session.js'

/** A program that may run others in its turn, with all that is needed to read them. */
export interface Call {
  readonly invocation: Invocation
  readonly shape: Shape
  readonly context: Context
  readonly session: Session
}
