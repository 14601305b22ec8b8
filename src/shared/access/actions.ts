import * as z from 'zod'
import type { Role } from './identity.js'

/** What an account can be allowed to do. Each operation asks for one of these. */
export const actionSchema = z.enum([
  'agents.view',
  'agents.forget',
  'agents.link',
  'commands.run',
  'commands.analyze',
  'commands.view',
  'commands.cancel',
  'service.view',
])
export type Action = z.infer<typeof actionSchema>

/** What a procedure or route asks for; `open` takes no token, `any` takes the token of any account. */
export type Access = Action | 'open' | 'any'

/** The built-in role that each action takes at least; see `roleMay`. */
export const leastRole: Record<Action, Role> = {
  'agents.view': 'viewer',
  'agents.forget': 'admin',
  'agents.link': 'agent',
  'commands.run': 'operator',
  'commands.analyze': 'operator',
  'commands.view': 'viewer',
  'commands.cancel': 'operator',
  'service.view': 'viewer',
}

const rank: Record<Exclude<Role, 'agent'>, number> = { viewer: 1, operator: 2, admin: 3 }

/** Whether a built-in role includes an action. An admin may stand in for an agent, as in the original. */
export function roleMay(role: Role, action: Action): boolean {
  const least = leastRole[action]
  if (least === 'agent') return role === 'agent' || role === 'admin'
  return role !== 'agent' && rank[role] >= rank[least]
}
