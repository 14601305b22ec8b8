/** A table, with each cell as Markdown of its own. */
export function tableOf(columns: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

export function code(text: string): string {
  return `\`${text}\``
}

/** A description as a sentence: some of them begin small and end without a full stop. */
export function sentence(text: string): string {
  const begun = text.replace(/^[a-z](?=[a-z]*[ ,])/, (letter) => letter.toUpperCase())
  return /[.!?…]$/.test(begun) || begun === '' ? begun : `${begun}.`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').trim()
}
