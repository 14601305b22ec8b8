import { compilePolicy } from '../../src/access/policy.js'
import { PolicyDoor } from '../../src/server/access/policy/door.js'
import { strictEvents } from './events.js'

/** The policy door of an installation that has saved no policy: the four built-in roles, each the same for every agent. */
export const rolePolicy = new PolicyDoor({
  current: { revision: 0, compiled: compilePolicy(undefined), stored: undefined },
  delegation: { mayGive: () => true },
  labelsOf: () => undefined,
  events: strictEvents(),
})
