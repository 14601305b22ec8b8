import { checkPolicy } from '../../../access/check.js'
import { mayDelegate } from '../../../access/delegation.js'
import { explain } from '../../../access/explain.js'

const grantsOfRole = (_p: unknown, _r: string): readonly never[] => []

import { type Policy as Compiled, compilePolicy } from '../../../access/policy.js'
import type { Events } from '../../events.js'
import type { Log } from '../../telemetry/ports.js'
import { CurrentPolicy } from './current.js'
import { PolicyDoor } from './door.js'
import type { PolicyStore } from './store.js'

export type AccessRules = typeof accessRules

/** What the room that knows policies does, as the services here ask for it. */
export const accessRules = {
  compile: compilePolicy,
  check: checkPolicy,
  grantsOf: grantsOfRole,
  mayDelegate,
  explain,
}

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
    mayGive: (subject: Parameters<typeof mayDelegate>[1], role: string) =>
      mayDelegate(current.compiled, subject, grantsOfRole(current.stored?.policy, role)),
  }
  return { current, door: new PolicyDoor({ current, delegation, labelsOf, events }) }
}
