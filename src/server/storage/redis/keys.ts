/**
 * Every key in Redis. In a cluster a script may touch one slot only: what is between the braces decides the slot, so
 * all of a command is in one, all indexes are in one, and so is all that controllers share about agents.
 */

const ROOT = 'ogent'

/** A command: where it stands, and its events. */
export const commandKeys = (command_id: string): [head: string, log: string] => [
  `${ROOT}:{${command_id}}:head`,
  `${ROOT}:{${command_id}}:log`,
]
/** The channel that says there is more of a command. */
export const commandChannel = (command_id: string) => `${ROOT}:more:${command_id}`

/** Commands by time, by agent and time, and those without an end. */
export const indexKeys = {
  byTime: `${ROOT}:{index}:time`,
  byAgent: (agent_id: string) => `${ROOT}:{index}:agent:${agent_id}`,
  open: `${ROOT}:{index}:open`,
  probe: `${ROOT}:{index}:probe`,
} as const

/** What controllers share about agents. */
export const fleetKeys = {
  /** Agent → its keeper. */
  keepers: `${ROOT}:{fleet}:keepers`,
  /** Agent → what it says of itself. */
  known: `${ROOT}:{fleet}:known`,
  /** Agent → the account that registered it first. */
  owners: `${ROOT}:{fleet}:owners`,
  /** Counts the changes, so that one that was missed shows. */
  version: `${ROOT}:{fleet}:version`,
  lease: `${ROOT}:{fleet}:lease:`,
  inbox: (agent_id: string) => `${ROOT}:{fleet}:inbox:${agent_id}`,
  attendants: (command_id: string) => `${ROOT}:{fleet}:attend:${command_id}`,
} as const
export const agentsChannel = `${ROOT}:agents`
export const inboxChannel = (agent_id: string) => `${ROOT}:inbox:${agent_id}`

/** Tells this deployment from others. */
export const deploymentKey = `${ROOT}:{deployment}`
export const usersKey = `${ROOT}:{users}`
export const opinionKeys: [rows: string, age: string] = [`${ROOT}:{opinions}:rows`, `${ROOT}:{opinions}:age`]
