import type { ApprovalNeed, Risk } from '../shared/access/policy.js'
import { brief, quoted } from './brief.js'
import { isUnder, resolvedPath } from './commands/paths.js'
import type { CommandReading } from './commands/reading.js'
import { allowFailure, denyFits } from './commands/rules.js'
import type { CompiledGrant } from './grants.js'
import type { AccessRequest, CommandFacts, Subject } from './request.js'

/** What a grant asks of a request, condition by condition, all but the agent. */

/** What a request is measured by: made once for each decision, and what it costs to know is found out once. */
export type Question = {
  subject: Subject
  request: AccessRequest
  /** Agents of the whole request. */
  count: number
  /** Undefined where no command is asked about, or a contract is. */
  reading: CommandReading | undefined
  risk: () => Risk
  /** The failure of each grant that was looked at; null where it has none. */
  failures: Map<CompiledGrant, Failure | null>
  /** How many grants may still be compared for the sentences about what comes nearest. */
  comparisons: number
}

/** The conditions in the order in which they are looked at: a grant that fails a later one comes nearer to the request. */
export const conditions = [
  'actions',
  'agents',
  'binding',
  'not_before',
  'expires_at',
  'max_agents',
  'targets',
  'cwd',
  'env',
  'stdin',
  'max_timeout_seconds',
  'reauth_seconds',
  'commands',
  'max_risk',
] as const
export type Condition = (typeof conditions)[number]

/** The first condition of a grant that a request does not meet. */
export type Failure = {
  condition: Condition
  /** A clause about the grant, such as `it allows 5 agents in one request, and this one is for 20`. */
  reason: () => string
  /** From 0 on and below 1: how much of the condition was met. */
  part?: number
}

/** Why a grant does not fit a request on an agent that it is about; undefined where it does. */
export function failureOf(one: CompiledGrant, question: Question): Failure | undefined {
  const known = question.failures.get(one)
  if (known !== undefined) return known ?? undefined
  const made = timeFailure(one, question.request.now) ?? limitFailure(one, question)
  question.failures.set(one, made ?? null)
  return made
}

/** The approvals of a grant that a request needs: all of them. */
export function approvalsOf({ grant }: CompiledGrant, question: Question): ApprovalNeed[] {
  // Approvals are for what the grant names: what that includes, such as seeing the agent, takes none.
  if (!grant.actions.includes(question.request.action)) return []
  return (grant.approvals ?? []).filter(({ when = {} }) => {
    if (when.over_agents !== undefined && question.count <= when.over_agents) return false
    if (when.risk === undefined) return true
    return question.request.command !== undefined && riskRank[question.risk()] >= riskRank[when.risk]
  })
}

/** Risks in their order. */
export const riskRank: Readonly<Record<Risk, number>> = { low: 0, medium: 1, high: 2 }

/** The highest risk of a grant that names none. */
export const usualRisk: Risk = 'medium'

/** Whether a deny grant is about commands, and so about requests that have one. */
export function isAboutCommands({ grant }: CompiledGrant): boolean {
  return grant.commands !== undefined || grant.targets !== undefined || grant.cwd !== undefined
}

function timeFailure({ grant, notBefore, expiresAt }: CompiledGrant, now: number): Failure | undefined {
  if (now < notBefore)
    return { condition: 'not_before', reason: () => `it does not hold before ${grant.not_before}` }
  if (now >= expiresAt) return { condition: 'expires_at', reason: () => `it ended at ${grant.expires_at}` }
  return undefined
}

function limitFailure(one: CompiledGrant, question: Question): Failure | undefined {
  const { command } = question.request
  if (one.grant.effect === 'deny') return denyFailure(one, question)
  return (
    agentsFailure(one, question) ??
    (command && placeFailure(one, command)) ??
    (command && inputFailure(one, command)) ??
    loginFailure(one, question) ??
    (command && commandsFailure(one, command, question)) ??
    (command && riskFailure(one, question))
  )
}

/** A deny fits where it may be about the request: what cannot be known counts as met. */
function denyFailure(one: CompiledGrant, { request: { command }, reading }: Question): Failure | undefined {
  const { targets, cwd } = one.grant
  if (!command) {
    if (!isAboutCommands(one)) return undefined
    return { condition: 'commands', reason: () => 'it denies commands, and none is asked about' }
  }
  if (targets && !targets.includes(command.target))
    return { condition: 'targets', reason: () => `it does not deny the target ${command.target}` }
  const folder = command.cwd === undefined ? undefined : resolvedPath(command.cwd)
  const elsewhere = folder !== undefined && !cwd?.some((base) => isUnder(folder, base))
  if (cwd && elsewhere && reading?.staysInFolder() !== false)
    return { condition: 'cwd', reason: () => `it does not deny the folder ${quoted(command.cwd ?? '')}` }
  if (one.rules && !denyFits(one.rules, command, reading))
    return { condition: 'commands', reason: () => 'no command of the request fits its rules' }
  return undefined
}

function agentsFailure({ grant }: CompiledGrant, { count }: Question): Failure | undefined {
  const { max_agents } = grant
  if (max_agents === undefined || count <= max_agents) return undefined
  return {
    condition: 'max_agents',
    reason: () =>
      `it allows ${max_agents} ${max_agents === 1 ? 'agent' : 'agents'} in one request, and this one is for ${count}`,
  }
}

function placeFailure({ grant }: CompiledGrant, command: CommandFacts): Failure | undefined {
  const { targets, cwd } = grant
  if (targets && !targets.includes(command.target))
    return { condition: 'targets', reason: () => `it does not allow the target ${command.target}` }
  if (!cwd) return undefined
  const folders = () => brief(cwd.join(', '))
  if (command.cwd === undefined)
    return {
      condition: 'cwd',
      reason: () => `it allows the folders ${folders()}, and the request names none`,
    }
  const folder = resolvedPath(command.cwd)
  if (folder !== undefined && cwd.some((base) => isUnder(folder, base))) return undefined
  return {
    condition: 'cwd',
    reason: () => `it allows the folders ${folders()}, and not ${quoted(command.cwd ?? '')}`,
  }
}

function inputFailure({ grant, env }: CompiledGrant, command: CommandFacts): Failure | undefined {
  const other = command.env.find((name) => !env.some((test) => test(name)))
  if (other !== undefined)
    return { condition: 'env', reason: () => `it does not allow the variable ${quoted(other)}` }
  if (command.stdin && grant.stdin !== true)
    return { condition: 'stdin', reason: () => 'it does not allow a standard input' }
  const { max_timeout_seconds: most } = grant
  const { timeout_seconds: asked } = command
  if (most === undefined || asked === undefined || asked <= most) return undefined
  return {
    condition: 'max_timeout_seconds',
    reason: () => `it allows a time limit of ${most} s, and the request asks for ${asked} s`,
  }
}

function loginFailure({ grant }: CompiledGrant, { subject, request }: Question): Failure | undefined {
  const { reauth_seconds: most } = grant
  if (most === undefined) return undefined
  const { authenticated_at: at } = subject
  if (at === undefined)
    return {
      condition: 'reauth_seconds',
      reason: () => 'it takes a login with a password, which this caller has not',
    }
  if (request.now - at <= most * 1000) return undefined
  return { condition: 'reauth_seconds', reason: () => `it takes a login of the last ${most} s` }
}

function commandsFailure(
  { grant, rules }: CompiledGrant,
  command: CommandFacts,
  { reading }: Question,
): Failure | undefined {
  if (!rules) return undefined
  const limits = { operators: grant.operators ?? [], redirects: grant.redirects ?? ('none' as const) }
  const failure = allowFailure(rules, limits, command, reading)
  return failure && { condition: 'commands', ...failure }
}

function riskFailure({ grant }: CompiledGrant, question: Question): Failure | undefined {
  const most = grant.max_risk ?? usualRisk
  if (most === 'high') return undefined
  const found = question.risk()
  if (riskRank[found] <= riskRank[most]) return undefined
  return {
    condition: 'max_risk',
    reason: () => `it allows a risk of ${most} at most, and the command has ${found}`,
  }
}
