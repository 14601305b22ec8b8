import { compilePolicy } from '../../src/access/policy.js'
import { PolicyDoor } from '../../src/server/access/policy/door.js'
import type { Policy } from '../../src/server/transport/policy.js'
import { strictEvents } from './events.js'

const door = new PolicyDoor({
  current: { revision: 0, compiled: compilePolicy(undefined), stored: undefined },
  delegation: { mayGive: () => true },
  labelsOf: () => undefined,
  events: strictEvents(),
})

/** The policy door of an installation that has saved no policy, as an object of which a test can change a part. */
export const rolePolicy: Policy = {
  revision: 0,
  authorize: (...asked) => door.authorize(...asked),
  may: (...asked) => door.may(...asked),
  authorizeCommand: (...asked) => door.authorizeCommand(...asked),
  authorizeRoles: (...asked) => door.authorizeRoles(...asked),
  authorizeLabels: (...asked) => door.authorizeLabels(...asked),
  reach: (...asked) => door.reach(...asked),
}
