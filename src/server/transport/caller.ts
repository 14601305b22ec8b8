import type { Identity, Role } from '../../shared/access/identity.js'
import type { Grant } from '../../shared/access/policy.js'
import type { Principal } from '../../shared/access/principal.js'

/** Who acts, with what the policy and the audit have to know besides. */
export type Actor = Principal & {
  /** What narrows the rights of the account, each list of grants by itself: see `Subject.narrowed`. */
  narrowed?: readonly (readonly Grant[])[] | undefined
  /** When the password was proved, in ms since 1970; undefined where none was. */
  authenticated_at?: number | undefined
  /** The IP address that the call came from. */
  address?: string | undefined
}

/** An actor as its token proves it; `expires_at` in ms since 1970. */
export type Caller = Actor & {
  /** What tells the password of its account from another one; absent where that is not known. */
  stamp?: string | undefined
  expires_at: number
}

/** The account of an actor as replies show it, with the highest of its built-in roles. */
export function toIdentity({ name, roles }: Actor): Identity {
  const role = builtIn.find((each) => roles.includes(each)) ?? 'viewer'
  return { username: name, role }
}

const builtIn: readonly Role[] = ['admin', 'operator', 'viewer', 'agent']
