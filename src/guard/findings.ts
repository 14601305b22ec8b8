import { brief, type Invocation } from './interpreter/programs/invocation.js'
import { rules } from './rules/families.js'
import type { Rule, Severity } from './rules/rule.js'

/** One objection of one rule to one part of a command. */
export interface Finding {
  /** The rule's id. */
  rule: string
  severity: Severity
  /** The part of the command, as written. */
  part: string
  /** A sentence that names the part. */
  risk: string
  /** What that leads to, as a sentence, where the first does not say it. */
  consequence?: string
  /** Safer lines, where there are any. */
  suggestions: readonly string[]
}

/** Enough to explain any command; more would not change the verdict. */
const mostFindings = 100

/** What the rules object to, in the order of the command; for one part, only the most severe findings. */
export function findingsOf(runs: readonly Invocation[]): readonly Finding[] {
  const found = new Map<string, Finding>()
  const grave = new Set<string>()
  for (const run of runs) {
    if (asksForHelp(run)) continue
    for (const rule of rulesFor(run.program)) {
      if (found.size >= mostFindings && (rule.severity === 'medium' || grave.size >= mostFindings)) continue
      const key = `${rule.id}\n${run.part}`
      // The same words may occur both inside a throw-away container and outside of one.
      const before = found.get(key)
      if (before && (run.contained || before.severity === rule.severity)) continue
      const what = rule.finds(run)
      if (what === false || what === undefined || what === '') continue
      const finding = toFinding(rule, run, what)
      found.set(key, finding)
      if (finding.severity === 'high') grave.add(finding.part)
    }
  }
  return [...found.values()].filter((one) => one.severity === 'high' || !grave.has(one.part))
}

/** Programs that print help for `--help` after a verb, and do nothing else then. */
const answersHelp =
  /^(?:git|docker|podman|kubectl|helm|apt|apt-get|systemctl|terraform|tofu|pulumi|gcloud|heroku|npm|cargo)$/

function asksForHelp(run: Invocation): boolean {
  if (!answersHelp.test(run.program)) return false
  // The words that an image, a pod or an alias is started with belong to what it starts.
  if (run.args.some((field) => /^(?:run|exec|create|-c|--|-.*=.*)$/.test(field.value))) return false
  return run.args.at(-1)?.value === '--help'
}

function toFinding(
  rule: Rule,
  run: Invocation,
  what: Exclude<ReturnType<Rule['finds']>, undefined>,
): Finding {
  const part = run.part === '' ? run.pipeline : run.part
  const named = typeof what === 'string' ? what : typeof what === 'boolean' ? 'it' : what.text || what.value
  const risk = typeof rule.risk === 'string' ? rule.risk : rule.risk(brief(named, 80))
  const through = run.via.length > 0 ? ` (run through ${[...new Set(run.via)].slice(0, 4).join(', ')})` : ''
  const safer = typeof rule.safer === 'function' ? rule.safer(run) : rule.safer
  // What is done inside a throw-away container harms that container alone, not the machine.
  const severity = run.contained ? 'medium' : rule.severity
  const suggestions = [safer ?? []].flat().filter((line) => line !== part)
  const finding: Finding = {
    rule: rule.id,
    severity,
    part,
    risk: `“${part}”${through} ${risk}.`,
    suggestions,
  }
  if (rule.consequence !== undefined) finding.consequence = rule.consequence
  return finding
}

const everywhere = rules.filter((rule) => rule.programs.includes('*'))
const byBeginning = rules.flatMap((rule) =>
  rule.programs.filter((name) => name.endsWith('.*')).map((name) => ({ beginning: name.slice(0, -1), rule })),
)
const byProgram = new Map<string, readonly Rule[]>()
for (const rule of rules) {
  for (const name of rule.programs) byProgram.set(name, [rule, ...(byProgram.get(name) ?? everywhere)])
}

function rulesFor(program: string): readonly Rule[] {
  const own = byProgram.get(program) ?? everywhere
  if (!program.includes('.')) return own
  const begun = byBeginning.filter((one) => program.startsWith(one.beginning))
  return [...begun.map((one) => one.rule), ...own]
}
