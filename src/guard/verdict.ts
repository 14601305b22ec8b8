import type { RiskLevel, Validation } from '../shared/analysis/analysis.js'
import type { Finding } from './findings.js'

const unread =
  'Part of the command could not be read: it does not parse, nests too deeply, or is too long to follow. What it does there is not known.'

/** For a command that was not read in time: what it does is not known, so the verdict is never low. */
export const lateVerdict: Validation = {
  safe: false,
  risk_level: 'unknown',
  risks: ['The guard had no time to read this command to its end. What it does is not known.'],
  suggestions: [],
}

/** The findings as one verdict. Something high is high, however much was left unread; nothing unread is ever low. */
export function verdictOf(findings: readonly Finding[], complete: boolean): Validation {
  const level = levelOf(findings, complete)
  const risks = findings.flatMap(({ risk, consequence }) => [risk, consequence ?? []].flat())
  const suggestions = findings.flatMap((finding) => finding.suggestions)
  return {
    safe: level === 'low',
    risk_level: level,
    risks: unique(complete ? risks : [...risks, unread]),
    suggestions: unique(suggestions),
  }
}

/** Whether a part of the command was left unread. */
export function isUnread({ risks }: Validation): boolean {
  return risks.includes(unread)
}

/** The same verdict, where a part was left unread for this reason alone. */
export function readTo(verdict: Validation, reason: string): Validation {
  return { ...verdict, risks: [...verdict.risks.filter((risk) => risk !== unread), reason] }
}

/**
 * Folds another opinion, such as a model's, onto the verdict of the rules: it may raise the level and add sentences,
 * and can neither lower the level nor take a sentence away.
 */
export function foldOpinion(rules: Validation, opinion: Validation): Validation {
  // An opinion only adds, so an "unknown" of it has no effect.
  const raised = opinion.risk_level !== 'unknown' && ranks[opinion.risk_level] > ranks[rules.risk_level]
  const level = raised ? opinion.risk_level : rules.risk_level
  return {
    safe: level === 'low',
    risk_level: level,
    risks: unique([...rules.risks, ...opinion.risks]),
    suggestions: unique([...rules.suggestions, ...opinion.suggestions]),
  }
}

const ranks: Record<RiskLevel, number> = { low: 0, medium: 1, unknown: 2, high: 3 }

function levelOf(findings: readonly Finding[], complete: boolean): RiskLevel {
  if (findings.some((finding) => finding.severity === 'high')) return 'high'
  if (!complete) return 'unknown'
  return findings.length > 0 ? 'medium' : 'low'
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}
