import stringWidth from 'string-width'
import { printable } from '../../shared/printable.js'
import { write } from './output.js'

const SEPARATOR = '  '
const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Rows of text in aligned columns, a line each: cells may come from agents and commands, and steer nothing here. */
export function table(cells: string[][]): string {
  const rows = cells.map((row) => row.map(printable))
  const widths: number[] = []
  for (const row of rows) {
    // The last cell of a row may be a whole script, and nothing is aligned behind it.
    for (const [at, cell] of row.slice(0, -1).entries())
      widths[at] = Math.max(widths[at] ?? 0, stringWidth(cell))
  }
  return rows
    .map((row) => row.map((cell, at) => (at < row.length - 1 ? pad(cell, widths[at] ?? 0) : cell)))
    .map((row) => `${row.join(SEPARATOR).trimEnd()}\n`)
    .join('')
}

/** Prints columns, each with its title first; on a terminal a row is a line, cut where it is longer. */
export async function writeTable(columns: string[][]): Promise<void> {
  const [first = []] = columns
  const rows = first.map((_, at) => columns.map((column) => column[at] ?? ''))
  // A terminal that does not know its width has 0 columns.
  const width = (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY
  for (const line of table(rows).split('\n').slice(0, -1))
    await write(process.stdout, `${cut(line, width)}\n`)
}

/** A text filled up with blanks to so many columns of a terminal. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(columns - stringWidth(text), 0))
}

/** A text cut to so many columns of a terminal, with a mark where something is missing. */
export function cut(text: string, columns: number): string {
  let width = 0
  let end = 0
  /** Up to here there is room for the mark. */
  let cutAt = 0
  for (const { segment } of characters.segment(text)) {
    width += stringWidth(segment)
    if (width > columns) return `${text.slice(0, cutAt)}…`
    end += segment.length
    if (width < columns) cutAt = end
  }
  return text
}
