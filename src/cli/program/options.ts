import { type Command, InvalidArgumentError, Option } from 'commander'
import * as z from 'zod'
import { type RecordStatus, recordStatusSchema } from '../../shared/commands/record.js'
import { limits } from '../../shared/commands/request.js'
import { UsageError } from '../errors/report.js'

/** Options and words that several subcommands have, and how their values are read. */

/** Gives the exit code. */
export type Act = () => Promise<number>
/** Takes what is to be done: it begins only when the whole line is parsed. */
export type Then = (act: Act) => void

const CONNECTION = 'Controller and account:'

/** The options of a command before those that say which controller is meant. */
export function connectionLast<T>(groups: Map<string, T[]>): Map<string, T[]> {
  const connecting = groups.get(CONNECTION)
  if (!connecting) return groups
  groups.delete(CONNECTION)
  return groups.set(CONNECTION, connecting)
}

/** The options that say which controller is meant, and as whom. */
export function connection(command: Command): Command {
  const url = new Option('--url <url>', 'the controller; else OGENT_URL, the context in use, the last login')
  const controller = new Option('--controller <name>', 'the controller of that name (ogent context)')
  const username = new Option('--username <name>', 'who you are; else OGENT_USERNAME')
  for (const option of [url, controller, username]) command.addOption(option.helpGroup(CONNECTION))
  return command
}

/** Adds examples to the help of a subcommand, a line each. */
export function examples(command: Command, ...lines: [typed: string, does: string][]): Command {
  const width = Math.max(...lines.map(([typed]) => typed.length))
  const text = lines.map(([typed, does]) => `  ${typed.padEnd(width)}  ${does}`).join('\n')
  return command.addHelpText('after', `\nExamples:\n${text}`)
}

/** The words after `--`. */
export function needWords(words: string[] | undefined, example: string): string[] {
  if (!words || words.length === 0)
    throw new UsageError(`which command? Write it after --, as in: ${example}`)
  return words
}

export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

export function statuses(text: string, before: RecordStatus[] = []): RecordStatus[] {
  const parsed = z.array(recordStatusSchema).safeParse(text.split(','))
  if (parsed.success) return [...before, ...parsed.data]
  throw new InvalidArgumentError(`It takes one or more of ${recordStatusSchema.options.join(', ')}.`)
}

export function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= limits.seconds))
    throw new InvalidArgumentError(`It takes seconds, ${limits.seconds} at most.`)
  return value
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 24 * 3600 }

/** A time in seconds, as `90d`, `12h`, `30m` or `60s`. */
export function lifetime(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const seconds = UNIT_SECONDS[unit]
  if (seconds === undefined) throw new InvalidArgumentError('It takes a time such as 90d, 12h or 30m.')
  return Number(count) * seconds
}

export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It takes a whole number from ${min} on.`)
    return value
  }
}
