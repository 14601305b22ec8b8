import type { Action } from '../../shared/access/actions.js'
import { leastRole, roleMay } from '../../shared/access/actions.js'
import { roleSchema } from '../../shared/access/identity.js'
import { OgentError } from '../../shared/errors.js'
import type { Actor } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'

/** The policy of an installation that has written none: the four built-in roles, each the same for every agent. */
export const rolePolicy: Policy = {
  authorize({ name, roles }: Actor, action: Action): void {
    if (roles.some((role) => roleSchema.safeParse(role).success && roleMay(roleSchema.parse(role), action)))
      return
    const sentence = `This takes the role ${leastRole[action]}; ${name} is ${roles.join(', ')}.`
    throw new OgentError('FORBIDDEN', sentence)
  },
  authorizeRoles(actor, roles): void {
    for (const role of roles) {
      const known = roleSchema.safeParse(role)
      if (!known.success) {
        const msg = `there is no role ${role}`
        throw new OgentError('VALIDATION_FAILED', msg, {
          issues: [{ loc: ['roles'], msg, type: 'unknown_role' }],
        })
      }
    }
    rolePolicy.authorize(actor, 'users.manage')
  },
  authorizeLabels: (actor) => rolePolicy.authorize(actor, 'agents.manage'),
  authorizeCommand: () => ({}),
  reach: () => ({ all: true, includes: () => true }),
}
