import { OgentError } from '../../shared/errors.js'
import type { Hello } from '../../shared/link/protocol.js'
import type { Actor } from '../transport/caller.js'
import type { AgentLink } from './connection.js'
import type { KnownAgent } from './store.js'

export type Claim = {
  agent_id: string
  hello: Hello
  identity: Actor
  /** What is known of the agent, and its link at this controller. */
  known: KnownAgent | undefined
  held: AgentLink | undefined
  /** How long an agent that is offline keeps its id for its machine, in ms. */
  graceMs: number
  /** Whether it has commands that have not ended. */
  hasOpenCommands: (agent_id: string) => boolean
}

/** Throws FORBIDDEN, AGENT_CLONED or AGENT_ID_TAKEN where a hello may not have the id that it names. */
export function checkClaim({
  agent_id,
  hello,
  identity,
  known,
  held,
  graceMs,
  hasOpenCommands,
}: Claim): void {
  if (known && known.owner !== ownerOf(identity) && !passesOwner(identity)) {
    throw new OgentError('FORBIDDEN', `Agent ${agent_id} was registered by another account.`)
  }
  if (known && isOtherMachine(known, hello)) {
    const { status, last_seen_at } = known.agent
    const seenJustBefore = status === 'connected' || Date.now() - Date.parse(last_seen_at) < graceMs
    // The machine of an agent with a key was compared before it had a token.
    const isKept =
      identity.kind === 'agent' ? status === 'connected' : seenJustBefore || hasOpenCommands(agent_id)
    if (isKept) {
      throw new OgentError(
        'AGENT_CLONED',
        `Agent ${agent_id} was on another machine just before, or has commands open there. Give each machine an AGENT_ID or a state folder of its own, or forget the agent first.`,
      )
    }
  }
  if (held && held.instance_id !== hello.instance_id) {
    throw new OgentError(
      'AGENT_ID_TAKEN',
      `Agent ${agent_id} is connected already, by another instance. Give each agent its own AGENT_ID.`,
    )
  }
}

/** By what an agent belongs to its account: the name of that, or of an agent with a key its own identity. */
export function ownerOf({ kind, name, principal_id }: Actor): string {
  return kind === 'agent' ? principal_id : name
}

/** Whether an agent may be registered regardless of its owner: by an admin, and by the key that the id belongs to. */
export function passesOwner({ kind, roles }: Actor): boolean {
  return kind === 'agent' || roles.includes('admin')
}

/**
 * A copy of an agent's state folder on another machine would take its id, and end its commands as lost. A machine that
 * was renamed has the same boot, one that was started anew the same id.
 */
function isOtherMachine({ machine: before }: KnownAgent, { machine: now }: Hello): boolean {
  return before !== undefined && now !== undefined && before.id !== now.id && before.boot !== now.boot
}
