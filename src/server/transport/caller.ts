import type { CallerIdentity, Identity, Role } from '../../shared/access/identity.js'
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
  /** Of a login: what the account's generation was; a later one ends the login. */
  generation?: number | undefined
  /** Of an agent with a key: tells its key and machine from others. */
  stamp?: string | undefined
  expires_at: number
}

/** By what a caller's requests and sockets are counted: an agent may be called as an account is. */
export function countedAs({ kind, name, principal_id }: Actor): string {
  return kind === 'agent' ? `agent ${principal_id}` : name
}

/** The account of an actor as replies show it, with the highest of its built-in roles. */
export function toIdentity({ name, roles }: Pick<Actor, 'name' | 'roles'>): Identity {
  const role = builtIn.find((each) => roles.includes(each)) ?? roles[0] ?? 'none'
  return { username: name, role }
}

/** A caller as `GET /users/me` shows it. */
export function toCallerIdentity(caller: Caller): CallerIdentity {
  const { principal_id: user_id, roles, via, session_id, expires_at } = caller
  return {
    ...toIdentity(caller),
    user_id,
    roles,
    via,
    session_id,
    expires_at: new Date(expires_at).toISOString(),
  }
}

const builtIn: readonly Role[] = ['admin', 'operator', 'viewer', 'agent']
