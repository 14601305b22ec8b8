/**
 * Every key in Redis. In a cluster a script may touch one slot only: what is between the braces decides the slot, so
 * all of a command is in one, all indexes are in one, and so is all that controllers share about owners and agents.
 */

const ROOT = 'ogent'

/** A command: its state, and its events. */
export const commandKeys = (command_id: string): [head: string, log: string] => [
  `${ROOT}:{${command_id}}:head`,
  `${ROOT}:{${command_id}}:log`,
]
/** The channel that says there is more of a command. */
export const commandChannel = (command_id: string) => `${ROOT}:more:${command_id}`

/** The channel that names new commands. */
export const createdChannel = `${ROOT}:created`

/** Commands by time, by agent and time, and those without an end. */
export const indexKeys = {
  byTime: `${ROOT}:{index}:time`,
  byAgent: (agent_id: string) => `${ROOT}:{index}:agent:${agent_id}`,
  open: `${ROOT}:{index}:open`,
  probe: `${ROOT}:{index}:probe`,
} as const

/** What controllers share to agree on owners. The texts stay as they are: what is stored outlives an update. */
export const clusterKeys = {
  /** Key → its owner. */
  owners: `${ROOT}:{fleet}:keepers`,
  lease: `${ROOT}:{fleet}:lease:`,
  mailbox: (key: string) => `${ROOT}:{fleet}:inbox:${key}`,
  attendants: (thing: string) => `${ROOT}:{fleet}:attend:${thing}`,
} as const
export const mailChannel = (key: string) => `${ROOT}:inbox:${key}`
/** The channel of messages that are not kept, by their address. */
export const relayChannel = (address: string) => `${ROOT}:relay:${address}`

/** What controllers share about agents, in the slot of the owners. */
export const agentKeys = {
  /** Agent → what it says of itself. */
  known: `${ROOT}:{fleet}:known`,
  /** Agent → the account that registered it first. */
  accounts: `${ROOT}:{fleet}:owners`,
  /** Counts the changes, so that one that was missed shows. */
  version: `${ROOT}:{fleet}:version`,
} as const
export const agentsChannel = `${ROOT}:agents`

/** Tells this deployment from others. */
export const deploymentKey = `${ROOT}:{deployment}`
/** The policy of all controllers, and the channel that says it was saved. */
export const policyKey = `${ROOT}:{policy}`
export const policyChannel = `${ROOT}:policy`
/** Accounts by name, logins that were ended, and API tokens: each a hash, and what tells one state of it from another. */
export const accessKeys = {
  users: [`${ROOT}:{users}`, `${ROOT}:{users}:version`],
  ended: [`${ROOT}:{users}:ended`, `${ROOT}:{users}:ended:version`],
  tokens: [`${ROOT}:{users}:tokens`, `${ROOT}:{users}:tokens:version`],
  /** Account → when it logged in last, and the logins of an account. */
  logins: `${ROOT}:{users}:logins`,
  sessions: (user_id: string) => `${ROOT}:{users}:sessions:${user_id}`,
  /** API token → when and from where it was last used. */
  used: `${ROOT}:{users}:tokens:used`,
} satisfies Record<string, [rows: string, version: string] | string | ((id: string) => string)>
/** The channel that says that one of them has changed. */
export const accessChannel = (what: 'users' | 'ended' | 'tokens') => `${ROOT}:access:${what}`
/** What logins are counted by, in one slot. */
export const limiterPrefix = (name: string) => `${ROOT}:{logins}:${name}`
export const opinionKeys: [rows: string, age: string] = [`${ROOT}:{opinions}:rows`, `${ROOT}:{opinions}:age`]

/** The audit, in one slot: its chains with the time of the newest record of each; records and checkpoints of one chain. */
export const auditKeys = {
  chains: `${ROOT}:{audit}:chains`,
  records: (chain: string) => `${ROOT}:{audit}:records:${chain}`,
  checkpoints: (chain: string) => `${ROOT}:{audit}:checkpoints:${chain}`,
} as const
/** Join tokens and identities of agents, in one slot, so that a token is used and an identity made in one step. */
export const enrolmentKeys = {
  tokens: `${ROOT}:{enrolment}:tokens`,
  identities: `${ROOT}:{enrolment}:identities`,
  labels: `${ROOT}:{enrolment}:labels`,
  /** Counts the changes, so that one that was missed shows. */
  version: `${ROOT}:{enrolment}:version`,
  nonce: (nonce: string) => `${ROOT}:nonce:${nonce}`,
} as const
export const enrolmentChannel = `${ROOT}:enrolment`
