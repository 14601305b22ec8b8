/**
 * Finds out what a command line does by parsing it as a shell would, without a key and without a network.
 *
 * The parser is `unbash`: a bash grammar in plain JavaScript. Measured on Node 20 against the others that npm has
 * (1,000 varied short commands, warm; 852 shell scripts of a Debian system, all of which `bash -n` accepts; some
 * thirty hostile inputs of 128 KiB):
 *
 *   unbash 6.0              40 ms   rejects 0   typed tree with decoded words; no WASM, no install step; 0.5 MB
 *   web-tree-sitter 0.27    45 ms   rejects 27  one hostile input (`<` 131,072 times) never ended; 20 MB and an install step
 *   mvdan-sh 0.10          600 ms   rejects 1   Go by GopherJS, no longer maintained; 47 s for a long pipeline
 *   sh-syntax 0.7        5,400 ms   a WASM instance for each call, asynchronous
 */
import type { Enrichment, Optimization, Validation } from '../shared/analysis/analysis.js'
import { enrichmentOf } from './advice/enrichment.js'
import { optimizationOf } from './advice/optimization.js'
import { judge, type Run } from './execution-context.js'
import { type Finding, findingsOf } from './findings.js'
import { type Bounds, quickBounds } from './interpreter/budget.js'
import { readCommand } from './interpreter/walk.js'
import { isRearrangement } from './rearrangement.js'
import { foldOpinion, verdictOf } from './verdict.js'

export type { Finding } from './findings.js'
export { foldOpinion } from './verdict.js'

/** What the rules say of a command. */
export interface RuleAnalysis {
  validation: Validation
  optimization: Optimization
  enrichment: Enrichment
  findings: readonly Finding[]
}

export interface Guard {
  /** Pure and synchronous; its work is bounded, and it never throws. */
  analyze(command: string, about?: AboutCommand): RuleAnalysis
  /** The verdict alone, with the folder, the variables and the standard input that the command meets. */
  judge(run: Run): Validation
  /** Folds another opinion onto a verdict: it may raise it, and never lowers it. */
  fold(verdict: Validation, opinion: Validation): Validation
  /** Whether a proposed line only arranges a command's words anew, and is no riskier. */
  isRearrangement(command: string, proposal: string): boolean
}

/** What the caller says about the machine and the purpose. Shown in the purpose; it never lowers a verdict. */
export interface AboutCommand {
  system?: string
  context?: string
}

/** Asynchronous by contract, so that a parser that has to be loaded could replace this one. */
export async function createGuard(): Promise<Guard> {
  return { analyze, judge, fold: foldOpinion, isRearrangement }
}

/** The same as `analyze` when little work is enough for it; undefined when it is not. */
export function analyzeQuickly(command: string, about: AboutCommand = {}): RuleAnalysis | undefined {
  return analyzeWithin(command, about, quickBounds)
}

export function analyze(command: string, about: AboutCommand = {}): RuleAnalysis {
  return analyzeWithin(command, about) ?? unreadable(command)
}

function analyzeWithin(command: string, about: AboutCommand, bounds?: Bounds): RuleAnalysis | undefined {
  try {
    const reading = readCommand(command, bounds)
    if (bounds && reading.spent) return undefined
    const findings = findingsOf(reading.invocations)
    const validation = verdictOf(findings, reading.complete)
    return {
      validation,
      optimization: optimizationOf(command, reading.script, (text) => isNoWorse(text, validation, bounds)),
      enrichment: enrichmentOf(reading.invocations, findings, about),
      findings,
    }
  } catch {
    // A text that breaks the analysis is not a safe one: it is unknown, and the caller gets an answer.
    return unreadable(command)
  }
}

/** A rewritten command must not be riskier than the one it represents. */
function isNoWorse(text: string, before: Validation, bounds: Bounds | undefined): boolean {
  const reading = readCommand(text, bounds)
  const after = verdictOf(findingsOf(reading.invocations), reading.complete)
  return after.risk_level === before.risk_level || after.risk_level === 'low'
}

/** The analysis of a command that was not read. */
export function unreadable(command: string, validation = verdictOf([], false)): RuleAnalysis {
  return {
    validation,
    optimization: {
      optimized_command: command,
      improvements: [],
      explanation: 'The command could not be read.',
    },
    enrichment: { purpose: '', components: [], side_effects: [], prerequisites: [], related_commands: [] },
    findings: [],
  }
}
