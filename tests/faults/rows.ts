/** What the table of faults is made of. */
export type Row = {
  scenario: string
  faults: number
  commands: number
  lost: number
  doubled: number
  incomplete: number
  /** Commands of which some reader is shown less than was written, or something else. */
  short: number
  /** Commands whose agent was killed in the middle: they end as `lost`, and that is the truth. */
  killed: number
}

/** The table as text, with its totals and the seed that brings it back. */
export function tableOf(seed: number, all: Row[]): string {
  const head = [
    'scenario',
    'faults',
    'commands',
    'lost',
    'doubled',
    'incomplete',
    'shown short',
    'agent killed',
  ]
  const cells = all.map((row) => Object.values(row).map(String))
  const total = (pick: (row: Row) => number) => String(all.reduce((sum, row) => sum + pick(row), 0))
  const totals = [
    'all',
    total((row) => row.faults),
    total((row) => row.commands),
    total((row) => row.lost),
    total((row) => row.doubled),
    total((row) => row.incomplete),
    total((row) => row.short),
    total((row) => row.killed),
  ]
  const lines = [head, ...cells, totals]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const text = lines.map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  )
  return `\nOGENT_SEED=${seed}\n${text.join('\n')}\n`
}
