import type { Analysis, RiskLevel } from '../../shared/analysis/analysis.js'
import { printable, write, writeJson } from '../output/output.js'
import { type ConnectionFlags, connect } from '../session/connect.js'
import { toCommand } from '../session/request.js'

export type AnalyzeFlags = ConnectionFlags & {
  agent?: string
  system?: string
  context?: string
  json?: boolean
}

/** What a script reads of the risk. A command that the guard cannot read to its end may have any. */
const exitCodeOf = { low: 0, medium: 0, high: 1, unknown: 2 } satisfies Record<RiskLevel, number>

/** `ogent analyze`: what a command would do. Exits with 1 where the risk is high, and with 2 where it is unknown. */
export async function analyzeCommand(words: string[], flags: AnalyzeFlags): Promise<number> {
  const { agent, system, context, json } = flags
  const ogent = await connect(flags)
  try {
    const analysis = await ogent.analyze({
      command: toCommand(words),
      ...(agent === undefined ? {} : { agent_id: agent }),
      ...(system === undefined ? {} : { system }),
      ...(context === undefined ? {} : { context }),
    })
    await (json ? writeJson(analysis) : write(process.stdout, forPeople(analysis)))
    for (const warning of json ? [] : (analysis.warnings ?? []))
      process.stderr.write(`ogent: ${printable(warning)}\n`)
    return exitCodeOf[analysis.validation.risk_level]
  } finally {
    await ogent.close()
  }
}

function forPeople({ command, validation, optimization, enrichment, source }: Analysis): string {
  const by = source === 'rules' ? 'by the rules' : 'by the rules and a model'
  const { optimized_command, improvements } = optimization
  const better = optimized_command === command ? improvements : [optimized_command, ...improvements]
  return [
    `risk: ${validation.risk_level} (${by})\n`,
    enrichment.purpose === '' ? '' : `${printable(enrichment.purpose)}\n`,
    section('Risks', validation.risks),
    section('Safer', validation.suggestions),
    section('Better', better),
    section('Changes', enrichment.side_effects),
    section('Needs', enrichment.prerequisites),
    section('Related', enrichment.related_commands),
  ].join('')
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${title}:\n${lines.map((line) => `  - ${printable(line)}\n`).join('')}`
}
