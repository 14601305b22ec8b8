import type { Actor } from '../transport/caller.js'
import type { KnownAgent } from './store.js'

/**
 * Where the controllers of an installation agree on which agents there are, and which controller has the link of each. With
 * a store of its own a controller has the directory to itself.
 */
export interface AgentDirectory {
  /** Every known agent, with the link that it has at any controller. */
  all(): Promise<KnownAgent[]>
  /** Those of these agents that another controller may have said something of. */
  find(agent_ids: string[]): Promise<KnownAgent[]>
  /**
   * Calls with agents that have changed at any controller, and ids that were forgotten (`others`: all the rest), until the
   * returned function is called.
   */
  onChange(listener: (changed: KnownAgent[], gone: string[] | 'others') => void): () => void
  /**
   * Gives an agent's link to this controller; gives the account that owns the agent, which is the one named where the agent
   * is new. The newest link of one agent process wins. Throws AGENT_ID_TAKEN while a live controller has a link of another
   * process, FORBIDDEN where another account owns the agent, UNAVAILABLE.
   */
  take(known: KnownAgent, instance_id: string, identity: Actor): Promise<string>
  /** Gives the link `sid` back. False where another link has taken its place. */
  leave(known: KnownAgent, sid: string): Promise<boolean>
  /** Writes what is said of an agent, in the background: its commands do not wait for a disk that is full. */
  update(known: KnownAgent): void
  /** False where the agent has a link. */
  forget(agent_id: string): Promise<boolean>
}
