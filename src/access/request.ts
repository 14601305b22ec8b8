import type { Action } from '../shared/access/actions.js'
import type { Decision, Grant, Risk } from '../shared/access/policy.js'

/** What is asked of a policy, and by whom. */

/** Who asks. */
export type Subject = {
  /** As bindings call it: `user:ann`, `service:ci`. */
  id: string
  /** Roles of the account itself: built-in ones, and roles of the policy. */
  roles: readonly string[]
  /** Groups of single sign-on, as bindings call them without `group:`. */
  groups?: readonly string[] | undefined
  /** What narrows the account's rights, each list by itself: the grants of an API token, later the blocks of a capability. */
  narrowed?: readonly (readonly Grant[])[] | undefined
  /** When the password was proved, in ms since 1970; undefined where none was, as with API tokens. */
  authenticated_at?: number | undefined
}

/** An agent as a policy sees it: by its id, and by what was assigned to it, never by what it says of itself. */
export type AccessAgent = { agent_id: string; labels: Readonly<Record<string, string>> }

/** What would run. */
export type CommandFacts = {
  /** The text that `sh -c` gets; absent with `contract`. */
  text?: string | undefined
  /** `name@version` of a typed contract that is called instead. */
  contract?: string | undefined
  /** Where on the agent, once `auto` is resolved. */
  target: 'local' | 'ssh'
  /** Names of the variables that the request sets. */
  env: readonly string[]
  /** Whether the request brings a standard input, or opens one. */
  stdin: boolean
  cwd?: string | undefined
  /** What the request asks for; absent: the default of the controller. */
  timeout_seconds?: number | undefined
  /** What the guard found; asked for only where a grant depends on it. */
  risk: () => Risk
}

export type AccessRequest = {
  action: Action
  /** Absent: the action itself is asked about, such as whether this account may run anything at all on an agent. */
  command?: CommandFacts | undefined
  /** Agents of the whole request; absent: as many as are asked about. */
  count?: number | undefined
  /** Milliseconds since 1970. */
  now: number
}

/** A policy, made ready for decisions: once for each policy that is saved. Immutable. */
export interface CompiledPolicy {
  /**
   * What the policy says of a request on these agents: each needs one grant that allows all of the request, and no deny that
   * fits. Without agents: whether there is any agent, known or not, where the action could be allowed.
   */
  decide(subject: Subject, request: AccessRequest, agents: readonly AccessAgent[]): Decision
  /** Whether a decision about a command on this agent can depend on the command, so that it has to be judged before. */
  asksCommand(subject: Subject, action: Action, agent: AccessAgent): boolean
  /** Which agents an action can be allowed on; the test is for many agents. `all`: every one, so that none has to be tested. */
  reach(
    subject: Subject,
    action: Action,
    now: number,
  ): { all: boolean; test: (agent: AccessAgent) => boolean }
}
