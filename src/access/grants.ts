import { type Action, actionSchema, roleMay } from '../shared/access/actions.js'
import { type Role, roleSchema } from '../shared/access/identity.js'
import type { AccessPolicy, Grant } from '../shared/access/policy.js'
import { globTest } from '../shared/agents/selector/glob.js'
import { keysOfAgent, type Reach, reachOf } from './agents.js'
import { type CompiledRules, compileRules } from './commands/rules.js'
import type { AccessAgent } from './request.js'

/** Grants made ready, and found quickly by action and agent. */

export type CompiledGrant = {
  /** As decisions call it: `deployer[2]`, or `operator` for a built-in role. */
  name: string
  grant: Grant
  reach: Reach
  rules: CompiledRules | undefined
  /** Tests of names of variables. */
  env: readonly ((name: string) => boolean)[]
  /** Milliseconds since 1970. */
  notBefore: number
  expiresAt: number
}

/** The grants of one action. */
export type ActionGrants = {
  all: readonly CompiledGrant[]
  allow: Buckets
  deny: Buckets
}

/** Lists of grants, one of which is a role, a token's grants or a block of a capability. */
export class GrantList {
  readonly grants: readonly CompiledGrant[]
  readonly #byAction = new Map<Action, ActionGrants>()

  constructor(grants: readonly CompiledGrant[]) {
    this.grants = grants
  }

  /** The grants that are about an action; undefined where none is. */
  about(action: Action): ActionGrants | undefined {
    const known = this.#byAction.get(action)
    if (known) return known.all.length > 0 ? known : undefined
    const all = this.grants.filter(({ grant }) => isAbout(grant, action))
    const made = {
      all,
      allow: new Buckets(all.filter(({ grant }) => grant.effect === 'allow')),
      deny: new Buckets(all.filter(({ grant }) => grant.effect === 'deny')),
    }
    this.#byAction.set(action, made)
    return all.length > 0 ? made : undefined
  }
}

/** Grants by what an agent has to have, so that a decision about one agent tests few selectors. */
export class Buckets {
  readonly all: readonly CompiledGrant[]
  readonly #always: CompiledGrant[] = []
  readonly #byKey = new Map<string, CompiledGrant[]>()

  constructor(grants: readonly CompiledGrant[]) {
    this.all = grants
    for (const one of grants) {
      if (!one.reach.keys) this.#always.push(one)
      for (const key of one.reach.keys ?? []) {
        const bucket = this.#byKey.get(key)
        if (bucket) bucket.push(one)
        else this.#byKey.set(key, [one])
      }
    }
  }

  /** The grants whose selector may fit an agent: some of them twice. */
  near(agent: KeyedAgent): readonly CompiledGrant[] {
    if (this.#byKey.size === 0) return this.#always
    let found: CompiledGrant[] | undefined
    for (const key of agent.keys()) {
      const bucket = this.#byKey.get(key)
      if (!bucket) continue
      found ??= [...this.#always]
      for (const one of bucket) found.push(one)
    }
    return found ?? this.#always
  }
}

/** An agent, with its keys once they are asked for. */
export class KeyedAgent {
  readonly agent: AccessAgent
  #keys: string[] | undefined

  constructor(agent: AccessAgent) {
    this.agent = agent
  }

  keys(): string[] {
    this.#keys ??= keysOfAgent(this.agent)
    return this.#keys
  }
}

/** The names of roles that a policy cannot define. */
export function isBuiltIn(role: string): role is Role {
  return roleSchema.safeParse(role).success
}

/** The grants of a list, each named after it: `deployer[2]`. */
export function compileList(name: string, grants: readonly Grant[]): GrantList {
  return new GrantList(grants.map((grant, at) => compileGrant(`${name}[${at}]`, grant)))
}

/** The four built-in roles, as grants: what they allow, they allow without a limit. */
export const builtIn: ReadonlyMap<string, GrantList> = new Map(
  roleSchema.options.map((role) => {
    const actions = actionSchema.options.filter((action) => roleMay(role, action))
    const grant: Grant = {
      effect: 'allow',
      actions,
      agents: { all: true },
      env: ['*'],
      stdin: true,
      max_risk: 'high',
    }
    return [role, new GrantList([compileGrant(role, grant)])]
  }),
)

/** What may be seen by those who may do this: an order whose output may not be read is of no use. */
const includes: Partial<Record<Action, readonly Action[]>> = {
  'agents.view': [
    'commands.view',
    'run.shell',
    'run.contract',
    'runs.start',
    'terminal.write',
    'terminal.watch',
    'files.read',
    'files.write',
    'agents.manage',
  ],
  'commands.view': ['run.shell', 'run.contract', 'runs.start'],
}

function isAbout({ effect, actions }: Grant, action: Action): boolean {
  if (actions.includes(action)) return true
  return effect === 'allow' && (includes[action]?.some((each) => actions.includes(each)) ?? false)
}

/** All that a grant is about: what it names, and what that includes. */
export function actionsOf(grant: Grant): Action[] {
  return actionSchema.options.filter((action) => isAbout(grant, action))
}

/** The grants of a role, of a policy or built in; none where there is no such role. */
export function grantsOfRole(
  policy: Pick<AccessPolicy, 'roles'> | undefined,
  role: string,
): readonly Grant[] {
  if (isBuiltIn(role)) return builtIn.get(role)?.grants.map(({ grant }) => grant) ?? []
  return (policy && Object.hasOwn(policy.roles, role) ? policy.roles[role] : undefined) ?? []
}

function compileGrant(name: string, grant: Grant): CompiledGrant {
  return {
    name,
    grant,
    reach: reachOf(grant.agents),
    rules: grant.commands && compileRules(grant.commands, grant.effect),
    env: (grant.env ?? []).map(globTest),
    notBefore: grant.not_before === undefined ? Number.NEGATIVE_INFINITY : Date.parse(grant.not_before),
    expiresAt: grant.expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(grant.expires_at),
  }
}
