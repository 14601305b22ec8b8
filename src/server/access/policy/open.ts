import { checkPolicy } from '../../../access/check.js'
import { mayDelegate } from '../../../access/delegation.js'
import { explain, type GrantAnswer } from '../../../access/explain.js'

import { grantsOfRole } from '../../../access/grants.js'

import { type Policy as Compiled, compilePolicy } from '../../../access/policy.js'
import type { AccessAgent, AccessRequest, Subject } from '../../../access/request.js'
import type { AccessExplanation } from '../../../shared/access/explain.js'
import type { Events } from '../../events.js'
import type { Log } from '../../telemetry/ports.js'
import { CurrentPolicy } from './current.js'
import { PolicyDoor } from './door.js'
import type { PolicyStore } from './store.js'

/** What the room that knows policies does, as the services here ask for it. */
export const accessRules = {
  compile: compilePolicy,
  check: checkPolicy,
  grantsOf: grantsOfRole,
  mayDelegate,
  explain: (
    compiled: Compiled,
    subject: Subject,
    request: AccessRequest,
    agents: readonly AccessAgent[],
  ) => ({ considered: consideredOf(explain(compiled, subject, request, agents).answers) }),
}

/** Grants that one explanation names. */
const MAX_CONSIDERED = 1000

/** What each grant says of all agents together: it fits where it fits one. */
function consideredOf(answers: readonly { grants: readonly GrantAnswer[] }[]): Considered[] {
  const byGrant = new Map<string, Considered>()
  for (const { grant, of, effect, says, failed } of answers.flatMap(({ grants }) => grants)) {
    const key = `${of} ${grant}`
    const known = byGrant.get(key)
    if (!known && byGrant.size >= MAX_CONSIDERED) break
    if (!known || (says !== undefined && !known.fits)) {
      const why = says === undefined ? { failed: failed?.reason ?? '' } : {}
      byGrant.set(key, { grant, effect, fits: says !== undefined, ...why })
    }
  }
  return [...byGrant.values()]
}

type Considered = AccessExplanation['considered'][number]

export type OpenPolicyOptions = {
  store: PolicyStore
  labelsOf: (agent_id: string) => Readonly<Record<string, string>> | undefined
  events: Events
  log: Log
}

/** The policy that is in force, and the door that asks it. */
export async function openPolicy({ store, labelsOf, events, log }: OpenPolicyOptions) {
  const current = await CurrentPolicy.open<Compiled>({ store, compile: compilePolicy, log })
  const delegation = {
    mayGive: (subject: Subject, role: string) =>
      mayDelegate(current.compiled, subject, grantsOfRole(current.stored?.policy, role)),
  }
  return { current, door: new PolicyDoor({ current, delegation, labelsOf, events }) }
}
