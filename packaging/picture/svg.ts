import { fillOf, paletteCss } from './palette.js'
import type { Frame, Run } from './screens.js'

export type SvgOptions = {
  columns: number
  rows: number
  /** What the picture shows, for those who do not see it. */
  title: string
  /** How long the last frame stays before the first one comes again. */
  holdSeconds: number
}

const COLUMN = 7.8
const LINE = 18
/** Of the text, from the top of its line. */
const BASELINE = 13
const MARGIN = 16
const BAR = 36
const FONT = "13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"

/**
 * Frames as one animated SVG, without scripts and without anything from elsewhere. A row of the terminal is a strip with all
 * that the row ever shows, a line below the other, which jumps through a window of one line. At rest each strip shows what
 * it shows in the last frame, so that this is what is seen where nothing moves.
 */
export function renderSvg(frames: Frame[], { columns, rows, title, holdSeconds }: SvgOptions): string {
  const width = Math.ceil(columns * COLUMN + 2 * MARGIN)
  const height = BAR + rows * LINE + MARGIN
  const clock = clockOf(frames, holdSeconds)
  const parts = [
    cursorOf(frames, clock),
    ...Array.from({ length: rows }, (_, row) => rowOf(row, frames, clock)),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title" xml:space="preserve">
<title id="title">${escaped(title)}</title>
<style>
text{font:${FONT};fill:#d3d7de;white-space:pre}
.b{font-weight:bold}.i{font-style:italic}.u{text-decoration:underline}.d{opacity:.6}
${paletteCss()}
@media (prefers-reduced-motion:no-preference){.m{animation:${round(clock.total)}s step-end infinite}}
${parts.flatMap(({ css }) => css ?? []).join('\n')}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="9" fill="#171b22" stroke="#3a424e"/>
<g fill="#3a424e">${[0, 18, 36].map((x) => `<circle cx="${MARGIN + 6 + x}" cy="18" r="5"/>`).join('')}</g>
${parts.map(({ svg }) => svg).join('\n')}
</svg>
`
}

/** A part of the picture, and the rule that moves it where it moves at all. */
type Part = { svg: string; css?: string }

/** Where a part is from a moment on. */
type Step = { seconds: number; x: number; y: number }

type Clock = { begin: number; total: number }

function clockOf(frames: Frame[], holdSeconds: number): Clock {
  const begin = frames[0]?.seconds ?? 0
  return { begin, total: (frames.at(-1)?.seconds ?? begin) - begin + holdSeconds }
}

/** A row as the strip that it is in. Lines that look the same are one. */
function rowOf(row: number, frames: Frame[], clock: Clock): Part {
  const lines = new Map<string, { y: number; runs: Run[] }>()
  const steps = frames.map(({ seconds, rows }) => {
    const runs = rows[row] ?? []
    const key = JSON.stringify(runs)
    const line = lines.get(key) ?? { y: lines.size * LINE, runs }
    lines.set(key, line)
    return { seconds, x: 0, y: -line.y }
  })
  const strip = [...lines.values()].flatMap(({ y, runs }) => runs.map((run) => runOf(run, y)))
  if (strip.length === 0) return { svg: '' }
  const { attributes, css } = motionOf(`r${row}`, steps, clock)
  const window = `<svg y="${BAR + row * LINE}" height="${LINE}">`
  return { svg: `${window}<g${attributes}>${strip.join('\n')}</g></svg>`, css }
}

function cursorOf(frames: Frame[], clock: Clock): Part {
  const steps = frames.map(({ seconds, cursor }) => ({
    seconds,
    x: round(cursor.column * COLUMN),
    y: cursor.row * LINE,
  }))
  const { attributes, css } = motionOf('cursor', steps, clock)
  const block = `x="${MARGIN}" y="${BAR}" width="${COLUMN}" height="${LINE - 1}" fill="#7b8594"`
  return { svg: `<g${attributes}><rect ${block}/></g>`, css }
}

/** What puts a part where it is in the end, and moves it there from step to step. */
function motionOf(id: string, steps: Step[], { begin, total }: Clock): { attributes: string; css?: string } {
  const moves = steps.filter(({ x, y }, at) => x !== steps[at - 1]?.x || y !== steps[at - 1]?.y)
  const last = moves.at(-1)
  const attributes =
    last && (last.x !== 0 || last.y !== 0) ? ` transform="translate(${last.x},${last.y})"` : ''
  if (moves.length < 2) return { attributes }
  const keyframes = moves.map(({ seconds, x, y }) => {
    const percent = round(((seconds - begin) / total) * 100)
    return `${percent}%{transform:translate(${x}px,${y}px)}`
  })
  return {
    attributes: ` id="${id}" class="m"${attributes}`,
    css: `#${id}{animation-name:${id}}@keyframes ${id}{${keyframes.join('')}}`,
  }
}

function runOf({ column, width, text, style }: Run, y: number): string {
  const x = round(MARGIN + column * COLUMN)
  const length = round(width * COLUMN)
  const fill = fillOf(style.colour)
  const classes = [
    fill.className,
    style.bold ? 'b' : '',
    style.dim ? 'd' : '',
    style.italic ? 'i' : '',
    style.underline ? 'u' : '',
  ].filter(Boolean)
  const looks = attribute('class', classes.join(' ')) + attribute('style', fill.style)
  // A font of another width still keeps to the columns.
  const said = `<text x="${x}" y="${y + BASELINE}" textLength="${length}"${looks}>${escaped(text)}</text>`
  if (style.background === undefined) return said
  const behind = fillOf(style.background)
  const box = `<rect x="${x}" y="${y}" width="${length}" height="${LINE}"`
  return `${box}${attribute('class', behind.className)}${attribute('style', behind.style)}/>${said}`
}

function attribute(name: string, value: string): string {
  return value === '' ? '' : ` ${name}="${value}"`
}

/** Text for XML, without the control characters that it has no way to hold. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\P{Cc}\t]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function round(value: number): number {
  return Number(value.toFixed(2))
}
