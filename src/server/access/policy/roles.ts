import type { Subject } from '../../../access/request.js'
import { roleSchema } from '../../../shared/access/identity.js'
import { OgentError, type ValidationIssue } from '../../../shared/errors.js'

/** Whether one account may give another a role: never one that may do more than the account itself. */
export type Delegation = { mayGive(subject: Subject, role: string): boolean }

/** Throws VALIDATION_FAILED, naming the places of roles that are neither built in nor of the policy. */
export function assertKnownRoles(roles: readonly string[], ofPolicy: object): void {
  const issues: ValidationIssue[] = []
  for (const [at, role] of roles.entries()) {
    if (roleSchema.safeParse(role).success || Object.hasOwn(ofPolicy, role)) continue
    const known = [...roleSchema.options, ...Object.keys(ofPolicy)].slice(0, 20).join(', ')
    issues.push({
      loc: ['roles', at],
      msg: `there is no role ${role}: there are ${known}`,
      type: 'unknown_role',
    })
  }
  if (issues.length === 0) return
  throw new OgentError('VALIDATION_FAILED', issues.map(({ msg }) => msg).join('; '), { issues })
}
