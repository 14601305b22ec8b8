import type { Actor } from '../../src/server/transport/caller.js'

/** An account with these roles, as a login proves it. */
export function actor(name: string, ...roles: string[]): Actor {
  return { principal_id: name, kind: 'user', name, roles, via: 'password', session_id: `session-of-${name}` }
}
