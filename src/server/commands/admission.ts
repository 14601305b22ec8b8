import type { Analysis, CommandAnalysis, Validation } from '../../shared/analysis/analysis.js'
import type { Refusal } from '../../shared/commands/refusal.js'
import type { ParsedCommandRequest } from '../../shared/commands/request.js'
import type { Analyzer } from '../analysis/analyzer.js'
import type { Actor } from '../transport/caller.js'

export type GuardMode = 'off' | 'warn' | 'block'

/** What is to become of a request. */
export type Admission = {
  /** The text that runs: the user's, or the optimized one where that was asked for. */
  command: string
  /** What is known of the risks; nothing where there is nothing to say. */
  warnings?: string[]
  ai_processing?: CommandAnalysis
  /** Set when it must not run. */
  refusal?: Refusal
}

/**
 * Lets the guard look at a request before it becomes a command. Without `use_ai` and `apply_optimization` only
 * the rules look, and only where the mode says so; `system` describes the machine for a model.
 */
export async function admit(
  guard: Analyzer,
  mode: GuardMode,
  request: ParsedCommandRequest,
  identity: Actor,
  system: () => string,
): Promise<Admission> {
  const { command, use_ai, apply_optimization } = request
  if (!use_ai && !apply_optimization) {
    if (mode === 'off') return { command }
    const verdict = guard.judge(request, identity.name)
    return decide(
      verdict instanceof Promise ? await verdict : verdict,
      command,
      mode === 'block',
      request,
      identity,
    )
  }
  const analysis = await guard.analyze(
    { command, system: request.system ?? system(), ...(request.context ? { context: request.context } : {}) },
    { ask: use_ai === true, account: identity.name },
  )
  const runs = apply_optimization ? analysis.optimization.optimized_command : command
  // Refused is what the strictest look says: at the text, at what it meets when it runs, at what runs for it.
  const looks = [await guard.judge(request, identity.name)]
  if (runs !== command) looks.push(await guard.judge({ ...request, command: runs }, identity.name))
  const verdict = looks.reduce((worst, look) => stricter(guard.fold(worst, look), look), analysis.validation)
  const refuses = use_ai === true || mode === 'block'
  const decided = decide(verdict, runs, refuses, request, identity)
  const warnings = [...(decided.warnings ?? []), ...(analysis.warnings ?? [])]
  return {
    ...decided,
    ...(warnings.length > 0 ? { warnings } : {}),
    ai_processing: toCommandAnalysis(analysis, verdict, runs),
  }
}

/** What the rules could not read is never low, as where its program is still to come; a high risk stays high. */
function stricter(folded: Validation, look: Validation): Validation {
  if (look.risk_level !== 'unknown' || folded.risk_level === 'high') return folded
  return { ...folded, safe: false, risk_level: 'unknown' }
}

function decide(
  { risk_level, risks }: Validation,
  command: string,
  refuses: boolean,
  request: ParsedCommandRequest,
  identity: Actor,
): Admission {
  if (risk_level === 'low') return { command }
  if (risk_level !== 'high' || !refuses) return { command, warnings: risks }
  if (request.allow_risk === 'high' && identity.roles.includes('admin')) return { command, warnings: risks }
  const how =
    request.allow_risk === 'high'
      ? `allow_risk takes the role admin; ${identity.name} is ${identity.roles.join(', ')}.`
      : 'An admin can run it with allow_risk: "high".'
  return {
    command,
    warnings: risks,
    refusal: { sentence: `The risk of this command is high. ${how}`, risks },
  }
}

function toCommandAnalysis(analysis: Analysis, validation: Validation, runs: string): CommandAnalysis {
  const { optimization, enrichment, source } = analysis
  return { validation, optimization, enrichment, processed_command: runs, source }
}
