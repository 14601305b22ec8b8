import { isErrorCode } from '../errors.js'
import { MAX_RISK_LENGTH, MAX_RISKS, type ResultError } from './result.js'

/** Why a command was not run, regardless of which side refused it: its sentence, and one sentence a risk. */
export type Refusal = { sentence: string; risks: string[] }

const CODE = 'COMMAND_REFUSED: '
const BULLET = '- '

/** Codes of results of which no process ran, other than a refusal: who asked gets them as errors. */
export const neverRan: ReadonlySet<string> = new Set(['AGENT_OFFLINE', 'TARGET_UNAVAILABLE', 'AGENT_BUSY'])

/** A refusal as the reason of a result: a first line, then a line a risk. */
export function refusalReason({ sentence, risks }: Refusal): string {
  const lines = risks.map((risk) => `${BULLET}${risk.replaceAll(/\s+/g, ' ')}`)
  return [`${CODE}${sentence}`, ...lines].join('\n')
}

/** A refusal as the error of a result, in bounds. */
export function refusalError({ risks }: Refusal): ResultError {
  return { code: 'COMMAND_REFUSED', risks: bounded(risks) }
}

function bounded(risks: string[]): string[] {
  return risks.slice(0, MAX_RISKS).map((risk) => risk.slice(0, MAX_RISK_LENGTH))
}

/**
 * The error of a result, and its sentence. Older agents, and results that were stored by an older controller, have both
 * in `reason` alone: its first word is the code, and a refusal's further lines are its risks.
 */
export function errorOf({
  error,
  reason,
}: {
  error?: ResultError | undefined
  reason: string | null
}): (ResultError & { sentence: string }) | undefined {
  const [, code = '', sentence = '', lines = ''] =
    /^([A-Z_]+): ([^\n]*)\n?([\s\S]*)$/.exec(reason ?? '') ?? []
  if (error) return { ...error, sentence: code === error.code ? sentence : (reason ?? '') }
  if (!isErrorCode(code)) return undefined
  const risks = lines.split('\n').map((line) => (line.startsWith(BULLET) ? line.slice(BULLET.length) : line))
  return {
    code,
    sentence,
    ...(code === 'COMMAND_REFUSED' ? { risks: lines === '' ? [] : bounded(risks) } : {}),
  }
}
