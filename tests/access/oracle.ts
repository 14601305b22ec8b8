import type { AccessAgent, AccessRequest, Subject } from '../../src/access/request.js'
import { type Action, roleMay } from '../../src/shared/access/actions.js'
import { roleSchema } from '../../src/shared/access/identity.js'
import type { AccessPolicy, CommandRule, Grant } from '../../src/shared/access/policy.js'
import { matches } from '../../src/shared/agents/selector/matcher.js'

/** What a policy decides, written a second time from the contract and as plainly as it goes: no index, no cache. */

export type Verdict = 'allow' | 'deny' | 'approval'

const ranks = { low: 0, medium: 1, high: 2 }

/** The words of all that runs in a command, and what joins it; undefined for one that is not read. */
export type Readings = Record<string, { words: string[][]; operators: string[] } | undefined>

export function verdictOf(
  policy: AccessPolicy,
  subject: Subject,
  request: AccessRequest,
  agents: readonly AccessAgent[],
  readings: Readings,
): Verdict {
  const lists = [grantsOf(policy, subject, request.now), ...(subject.narrowed ?? [])]
  const verdicts = agents.flatMap((agent) =>
    lists.map((list) =>
      verdictOfList(list, subject, { count: agents.length, ...defined(request) }, agent, readings),
    ),
  )
  if (verdicts.includes('deny')) return 'deny'
  return verdicts.includes('approval') ? 'approval' : 'allow'
}

/** Grants of the account: of its own roles, and of those that are bound to it at this time. */
function grantsOf(policy: AccessPolicy, subject: Subject, now: number): Grant[] {
  const accounts = [subject.id, ...(subject.groups ?? []).map((group) => `group:${group}`)]
  const bound = policy.bindings.filter(
    ({ to, expires_at }) =>
      accounts.includes(to) && (expires_at === undefined || now < new Date(expires_at).getTime()),
  )
  return [...subject.roles, ...bound.map(({ role }) => role)].flatMap((role) => {
    const builtIn = roleSchema.safeParse(role)
    if (!builtIn.success) return policy.roles[role] ?? []
    return (['run.shell', 'agents.view', 'policy.manage'] as const)
      .filter((action) => roleMay(builtIn.data, action))
      .map(
        (action): Grant => ({
          effect: 'allow',
          actions: [action],
          agents: { all: true },
          env: ['*'],
          stdin: true,
          max_risk: 'high',
        }),
      )
  })
}

/** Who may run or change something on an agent may see the agent, and who may run something may see what ran. */
function isAbout({ effect, actions }: Grant, action: Action): boolean {
  if (actions.includes(action)) return true
  if (effect === 'deny') return false
  const runs = actions.some((each) => /^run\.|^runs\.start$/.test(each))
  const touches = actions.some((each) => /^(terminal|files)\.|^(agents\.manage|commands\.view)$/.test(each))
  return (action === 'commands.view' && runs) || (action === 'agents.view' && (runs || touches))
}

type Asked = AccessRequest & { count: number }

function verdictOfList(
  grants: readonly Grant[],
  subject: Subject,
  request: Asked,
  agent: AccessAgent,
  readings: Readings,
): Verdict {
  const fitting = grants.filter((grant) => fits(grant, subject, request, agent, readings))
  if (fitting.some(({ effect }) => effect === 'deny')) return 'deny'
  if (fitting.some((grant) => !asksApproval(grant, request))) return 'allow'
  return fitting.length > 0 ? 'approval' : 'deny'
}

function fits(
  grant: Grant,
  subject: Subject,
  request: Asked,
  agent: AccessAgent,
  readings: Readings,
): boolean {
  const { command, now } = request
  const all: boolean[] = [
    isAbout(grant, request.action),
    matches(grant.agents, asListed(agent)),
    grant.not_before === undefined || now >= new Date(grant.not_before).getTime(),
    grant.expires_at === undefined || now < new Date(grant.expires_at).getTime(),
  ]
  if (grant.effect === 'deny') {
    if (!command) return all.every(Boolean) && !grant.commands && !grant.targets && !grant.cwd
    all.push(
      grant.targets?.includes(command.target) ?? true,
      grant.cwd === undefined ||
        command.cwd === undefined ||
        !folderOutside(command.cwd, grant.cwd) ||
        !readings[command.text ?? ''],
      grant.commands === undefined || mayFit(grant.commands, command.text ?? '', readings),
    )
    return all.every(Boolean)
  }
  const { reauth_seconds: reauth } = grant
  const { authenticated_at: at } = subject
  all.push(
    request.count <= (grant.max_agents ?? request.count),
    reauth === undefined || (at !== undefined && now - at <= reauth * 1000),
  )
  if (!command) return all.every(Boolean)
  all.push(
    grant.targets?.includes(command.target) ?? true,
    grant.cwd === undefined || (command.cwd !== undefined && !folderOutside(command.cwd, grant.cwd)),
    command.env.every((name) => (grant.env ?? []).some((pattern) => isLike(name, pattern))),
    !command.stdin || grant.stdin === true,
    (command.timeout_seconds ?? 0) <= (grant.max_timeout_seconds ?? Number.POSITIVE_INFINITY),
    grant.commands === undefined ||
      isCovered(grant.commands, grant.operators ?? [], command.text ?? '', readings),
    ranks[command.risk()] <= ranks[grant.max_risk ?? 'medium'],
  )
  return all.every(Boolean)
}

function asksApproval(grant: Grant, { action, command, count }: Asked): boolean {
  if (!grant.actions.includes(action)) return false
  return (grant.approvals ?? []).some(
    ({ when }) =>
      (when?.over_agents === undefined || count > when.over_agents) &&
      (when?.risk === undefined || (command !== undefined && ranks[command.risk()] >= ranks[when.risk])),
  )
}

function isCovered(rules: CommandRule[], operators: string[], text: string, readings: Readings): boolean {
  if (rules.some((rule) => 'exact' in rule && rule.exact === text)) return true
  const reading = readings[text]
  if (!reading) return false
  return (
    reading.operators.every((one) => operators.includes(one)) &&
    reading.words.every((words) => rules.some((rule) => ruleFits(rule, words)))
  )
}

function mayFit(rules: CommandRule[], text: string, readings: Readings): boolean {
  const reading = readings[text]
  return (
    !reading ||
    rules.some(
      (rule) =>
        ('exact' in rule && rule.exact === text) || reading.words.some((words) => ruleFits(rule, words)),
    )
  )
}

/** The rules of these tests need no more than this: see `commandRules`. */
function ruleFits(rule: CommandRule, words: string[]): boolean {
  if (!('argv' in rule)) return false
  if (words.length < rule.argv.length || (words.length > rule.argv.length && !rule.rest)) return false
  return words.every((word, at) => {
    const wanted = rule.argv[at] ?? rule.rest
    if (wanted === undefined || typeof wanted === 'string') return wanted === word
    if ('one_of' in wanted) return wanted.one_of.includes(word)
    if ('path_under' in wanted) return word === wanted.path_under || word.startsWith(`${wanted.path_under}/`)
    return 'glob' in wanted && wanted.glob === '*' && !word.includes('/') && !word.startsWith('-')
  })
}

function folderOutside(cwd: string, folders: string[]): boolean {
  const path = new URL(`file://${cwd}`).pathname
  return !folders.some((folder) => path === folder || path.startsWith(`${folder}/`))
}

function isLike(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

function defined<T extends object>(value: T): T {
  // `count: undefined` means that there is none.
  const entries = Object.entries(value).filter(([, one]) => one !== undefined)
  return Object.fromEntries(entries) as T
}

function asListed({ agent_id, labels }: AccessAgent) {
  const info = {
    platform: '',
    version: '',
    python: null,
    node: '',
    hostname: '',
    arch: '',
    agent_version: '',
  }
  const agent_info = { ...info, ssh_enabled: false, ssh_target: null, max_concurrent_commands: 1 }
  return { agent_id, labels, hostname: 'x', status: 'connected' as const, agent_info }
}
