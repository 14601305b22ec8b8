import { isatty } from 'node:tty'
import { styleText } from 'node:util'
import { type Logger, pino } from 'pino'
import { printable } from '../shared/printable.js'
import type { LogFormat } from './settings.js'

export type LogOptions = {
  /** Who logs, for lines of text: both roles may share a terminal. */
  role: 'controller' | 'agent'
  level: string
  /** Without it: text where stderr is a terminal, else JSON. */
  format: LogFormat | undefined
}

const STDERR = 2

/** A role's log, on stderr: JSON for programs, a line of text for people. A line that cannot be written is left out. */
export function openLog({ role, level, format }: LogOptions): Logger {
  const out = pino.destination({ dest: STDERR, sync: true })
  // A terminal that was closed gives EIO, a full disk ENOSPC: neither may end a role in the middle of its work.
  out.on('error', () => {})
  const options = { level, base: null }
  if ((format ?? (isatty(STDERR) ? 'text' : 'json')) === 'json') return pino(options, out)
  const colours = isatty(STDERR) && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  return pino(options, { write: (line: string) => out.write(textOf(line, role, colours)) })
}

type Colour = 'gray' | 'cyan' | 'yellow' | 'red'

const levels: Record<number, { name: string; colour: Colour }> = {
  10: { name: 'trace', colour: 'gray' },
  20: { name: 'debug', colour: 'gray' },
  30: { name: 'info', colour: 'cyan' },
  40: { name: 'warning', colour: 'yellow' },
  50: { name: 'error', colour: 'red' },
  60: { name: 'fatal', colour: 'red' },
}
const DIM = 'gray'
/** From here on a stack is shown below its line. */
const ERROR = 50

/** A line of JSON as pino writes it, as people read it: when, who, how grave, what, and then what it is about. */
export function textOf(line: string, role: string, colours: boolean): string {
  const { level, time, msg, err, ...fields }: Record<string, unknown> = JSON.parse(line)
  const paint = (text: string, colour: Colour) =>
    colours ? styleText(colour, text, { validateStream: false }) : text
  const { name, colour } = levels[Number(level)] ?? { name: String(level), colour: DIM }
  const about = Object.entries(fields).map(([key, value]) => `${printable(key)}=${shown(value)}`)
  const error = errorOf(err)
  const sentence = printable([msg, error.message].filter((part) => part !== undefined).join(': '))
  const head = [
    paint(clock(Number(time)), DIM),
    role.padEnd('controller'.length),
    paint(name.padEnd('warning'.length), colour),
    sentence,
    ...(about.length > 0 ? [paint(about.join(' '), DIM)] : []),
  ]
  const stack = Number(level) >= ERROR ? error.stack : []
  return [head.join(' '), ...stack.map((frame) => paint(`    ${printable(frame)}`, DIM)), ''].join('\n')
}

/** In the time of the machine's place, as the clock beside its terminal has it. */
function clock(time: number): string {
  const date = new Date(time)
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':')
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return printable(JSON.stringify(value) ?? '')
  return /^[\w.:/@+-]+$/.test(value) ? value : printable(JSON.stringify(value))
}

/** An error as pino writes one (message and stack), or a text in its place. */
function errorOf(err: unknown): { message: string | undefined; stack: string[] } {
  if (typeof err === 'string') return { message: err, stack: [] }
  if (typeof err !== 'object' || err === null) return { message: undefined, stack: [] }
  const message = 'message' in err ? String(err.message) : JSON.stringify(err)
  const stack = 'stack' in err && typeof err.stack === 'string' ? err.stack.split('\n') : []
  return { message, stack: stack.filter((frame) => /^\s+at /.test(frame)).map((frame) => frame.trim()) }
}
