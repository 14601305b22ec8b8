/** Why a command was not run, whoever refused it: its sentence, and one sentence a risk. */
export type Refusal = { sentence: string; risks: string[] }

const CODE = 'COMMAND_REFUSED: '
const BULLET = '- '

/** A refusal as the reason of a result: a first line, then a line a risk. */
export function refusalReason({ sentence, risks }: Refusal): string {
  const lines = risks.map((risk) => `${BULLET}${risk.replaceAll(/\s+/g, ' ')}`)
  return [`${CODE}${sentence}`, ...lines].join('\n')
}

/** The refusal that a result's reason tells; undefined for all other reasons. */
export function readRefusal(reason: string | null): Refusal | undefined {
  if (!reason?.startsWith(CODE)) return undefined
  const [sentence = '', ...lines] = reason.slice(CODE.length).split('\n')
  return {
    sentence,
    risks: lines.map((line) => (line.startsWith(BULLET) ? line.slice(BULLET.length) : line)),
  }
}
