import * as z from 'zod'
import type { Role } from './identity.js'

/**
 * What an account can be allowed to do. Each operation asks for one of these.
 *
 * `agents.link` is an agent's own link, `service.view` the metrics; the others are what grants name.
 */
export const actionSchema = z.enum([
  'agents.view',
  'agents.manage',
  'agents.link',
  'commands.view',
  'run.shell',
  'run.contract',
  'runs.start',
  'runs.control',
  'terminal.write',
  'terminal.watch',
  'files.read',
  'files.write',
  'recordings.read',
  'approve',
  'users.manage',
  'tokens.manage',
  'policy.manage',
  'audit.read',
  'service.view',
])
/** What an account can be allowed to do: see `actionSchema`. */
export type Action = z.infer<typeof actionSchema>

/** What a procedure or route asks for; `open` takes no token, `any` takes the token of any account. */
export type Access = Action | 'open' | 'any'

/** The built-in role that each action takes at least; see `roleMay`. */
export const leastRole: Record<Action, Role> = {
  'agents.view': 'viewer',
  'agents.manage': 'admin',
  'agents.link': 'agent',
  'commands.view': 'viewer',
  'run.shell': 'operator',
  'run.contract': 'operator',
  'runs.start': 'operator',
  'runs.control': 'operator',
  'terminal.write': 'operator',
  'terminal.watch': 'viewer',
  'files.read': 'operator',
  'files.write': 'operator',
  'recordings.read': 'viewer',
  approve: 'admin',
  'users.manage': 'admin',
  'tokens.manage': 'admin',
  'policy.manage': 'admin',
  'audit.read': 'admin',
  'service.view': 'viewer',
}

const rank: Record<Exclude<Role, 'agent'>, number> = { viewer: 1, operator: 2, admin: 3 }

/** Whether a built-in role includes an action. An admin may stand in for an agent, as in the original. */
export function roleMay(role: Role, action: Action): boolean {
  const least = leastRole[action]
  if (least === 'agent') return role === 'agent' || role === 'admin'
  return role !== 'agent' && rank[role] >= rank[least]
}
