import headless, { type IBufferCell, type IBufferLine } from '@xterm/headless'
import type { Recording } from './recording.js'

/** Colours are numbers of the palette of 256, or `#rrggbb`; undefined is the terminal's own. */
export type Style = {
  colour: number | string | undefined
  background: number | string | undefined
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
}

/** Text of one style, in so many columns from a column on. */
export type Run = { column: number; width: number; text: string; style: Style }

/** What a terminal shows from a moment on, until the next frame. */
export type Frame = { seconds: number; rows: Run[][]; cursor: { column: number; row: number } }

/** Output that comes in less than this after a frame's first belongs to that frame: what a program wrote as one. */
export const FRAME_SECONDS = 0.04

/** What a terminal shows of a recording, frame by frame; a frame that looks like the one before is none. */
export async function framesOf({ columns, rows, output }: Recording): Promise<Frame[]> {
  const terminal = new headless.Terminal({ cols: columns, rows, allowProposedApi: true })
  const frames: Frame[] = []
  let shown = ''
  for (const { seconds, text } of inFrames(output)) {
    await new Promise<void>((resolve) => terminal.write(text, resolve))
    const screen = screenOf(terminal)
    const looks = JSON.stringify(screen)
    if (looks !== shown) frames.push({ seconds, ...screen })
    shown = looks
  }
  terminal.dispose()
  return frames
}

/** The text of a row, as it looks. */
export function textOf(row: Run[]): string {
  return row.reduce((text, run) => text.padEnd(run.column) + run.text, '')
}

function inFrames(output: Recording['output']): Recording['output'] {
  const gathered: Recording['output'] = []
  for (const { seconds, text } of output) {
    const last = gathered.at(-1)
    if (last && seconds - last.seconds < FRAME_SECONDS) last.text += text
    else gathered.push({ seconds, text })
  }
  return gathered
}

function screenOf({ buffer: { active }, rows }: headless.Terminal): Omit<Frame, 'seconds'> {
  const lines = Array.from({ length: rows }, (_, row) => active.getLine(active.baseY + row))
  return {
    rows: lines.map((line) => (line ? runsOf(line) : [])),
    cursor: { column: active.cursorX, row: active.cursorY },
  }
}

function runsOf(line: IBufferLine): Run[] {
  const runs: Run[] = []
  for (let column = 0; column < line.length; column += 1) {
    const cell = line.getCell(column)
    // The second half of a wide character is a cell without width.
    if (!cell || cell.getWidth() === 0) continue
    const style = styleOf(cell)
    const text = cell.isInvisible() ? ' ' : cell.getChars() || ' '
    const last = runs.at(-1)
    if (last && isSame(last.style, style)) {
      last.text += text
      last.width += cell.getWidth()
    } else runs.push({ column, width: cell.getWidth(), text, style })
  }
  return runs.flatMap(withoutBlanks)
}

/** Blanks at the ends of a run that show nothing are left out. */
function withoutBlanks(run: Run): Run[] {
  if (run.style.background !== undefined || run.style.underline) return [run]
  const before = run.text.length - run.text.trimStart().length
  const text = run.text.trim()
  const after = run.text.length - before - text.length
  return text === '' ? [] : [{ ...run, text, column: run.column + before, width: run.width - before - after }]
}

function styleOf(cell: IBufferCell): Style {
  const colour = colourOf(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor())
  const background = colourOf(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor())
  const inverse = cell.isInverse() !== 0
  return {
    // The terminal's own two colours trade places as black on white, which no theme is without.
    colour: inverse ? (background ?? 0) : colour,
    background: inverse ? (colour ?? 7) : background,
    bold: cell.isBold() !== 0,
    dim: cell.isDim() !== 0,
    italic: cell.isItalic() !== 0,
    underline: cell.isUnderline() !== 0,
  }
}

function colourOf(isDefault: boolean, isRgb: boolean, value: number): number | string | undefined {
  if (isDefault) return undefined
  return isRgb ? `#${value.toString(16).padStart(6, '0')}` : value
}

function isSame(one: Style, other: Style): boolean {
  return (
    one.colour === other.colour &&
    one.background === other.background &&
    one.bold === other.bold &&
    one.dim === other.dim &&
    one.italic === other.italic &&
    one.underline === other.underline
  )
}
