import { join } from 'node:path'
import type { Random } from './random.js'
import type { Truth } from './truth.js'
import { type Program, programCommand, writtenBy } from './writer.js'

/** What a command of the tests writes: known beforehand, so that no part of Ogent vouches for itself. */
export type Work = {
  /** Lines of stdout, in this many bursts with a pause before each. */
  lines: number
  bursts: number
  pauseSeconds: number
  /** Lines of stderr, all at the end. */
  errLines: number
  exitCode: number
}

export function someWork(random: Random, more: Partial<Work> = {}): Work {
  return {
    lines: random.pick([0, 1, 50, 1000, 20_000]),
    bursts: random.int(1, 5),
    pauseSeconds: random.int(0, 30) / 100,
    errLines: random.pick([0, 0, 3]),
    exitCode: random.pick([0, 0, 0, 7, 255]),
    ...more,
  }
}

/** Each start of a command appends a line here. */
export function counterFile(folder: string): string {
  return join(folder, 'starts')
}

export function isProgram(work: Work | Program): work is Program {
  return 'seed' in work
}

/** The shell text of a piece of work. */
export function commandOf(work: Work | Program, command_id: string, folder: string): string {
  const parts = [`echo ${command_id} >> ${counterFile(folder)}`]
  if (isProgram(work)) return [...parts, programCommand(work, folder, command_id)].join('\n')
  for (let burst = 0; burst < work.bursts; burst++) {
    if (work.pauseSeconds > 0) parts.push(`sleep ${work.pauseSeconds}`)
    const [first, last] = burstOf(work, burst)
    if (last >= first) parts.push(`seq -f 'line %.0f of ${command_id}' ${first} ${last}`)
  }
  if (work.errLines > 0) parts.push(`seq -f 'complaint %.0f' 1 ${work.errLines} >&2`)
  parts.push(`exit ${work.exitCode}`)
  return parts.join('\n')
}

function burstOf(work: Work, burst: number): [first: number, last: number] {
  const size = Math.ceil(work.lines / work.bursts)
  return [burst * size + 1, Math.min((burst + 1) * size, work.lines)]
}

/** What it writes, or has written so far. */
export function truthOf(work: Work | Program, command_id: string, folder: string): Truth {
  if (isProgram(work)) return writtenBy(folder, command_id)
  const numbered = (count: number, line: (n: number) => string) =>
    Array.from({ length: count }, (_, at) => line(at + 1)).join('')
  return {
    stdout: Buffer.from(numbered(work.lines, (n) => `line ${n} of ${command_id}\n`)),
    stderr: Buffer.from(numbered(work.errLines, (n) => `complaint ${n}\n`)),
    exitCode: work.exitCode,
  }
}
