import type { Action } from '../../shared/access/actions.js'
import { leastRole, roleMay } from '../../shared/access/actions.js'
import type { Identity } from '../../shared/access/identity.js'
import { OgentError } from '../../shared/errors.js'
import type { Policy, Resource } from '../transport/policy.js'

/** The policy of an installation that has written none: the four built-in roles, each the same for every agent. */
export const rolePolicy: Policy = {
  authorize({ username, role }: Identity, action: Action, _resource?: Resource): void {
    if (roleMay(role, action)) return
    const sentence = `This takes the role ${leastRole[action]}; ${username} is ${role}.`
    throw new OgentError('FORBIDDEN', sentence)
  },
}
