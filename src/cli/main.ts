#!/usr/bin/env node
import type { Command, CommanderError } from 'commander'
import { markSmallHeapsAtOnce } from '../host/gc-tuning.js'
import { packageVersion } from '../host/version.js'
import { report, UsageError } from './errors/report.js'
import { endOnBrokenPipe } from './output/output.js'
import { ogentProgram } from './program.js'

/** Help and version were asked for, and are printed. */
class Printed extends Error {}

markSmallHeapsAtOnce()
endOnBrokenPipe()
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = report(error)
}

/** What comes after `--` is the remote command's, and none of the parser's business. */
async function main(args: string[]): Promise<number> {
  const dashes = args.indexOf('--')
  const own = dashes < 0 ? args : args.slice(0, dashes)
  const words = dashes < 0 ? undefined : args.slice(dashes + 1)
  let act = async () => 0
  const program = ogentProgram(versionLine(), words, (next) => {
    act = next
  })
  throwInsteadOfExit(program, 'ogent')
  if (own.length === 0) throw new UsageError('which command? See: ogent --help')
  try {
    program.parse(own, { from: 'user' })
  } catch (error) {
    if (error instanceof Printed) return 0
    throw error
  }
  return act()
}

function versionLine(): string {
  return `ogent/${packageVersion()} ${process.platform}-${process.arch} node-${process.version}`
}

/** `typed` is how the command is called. */
function throwInsteadOfExit(command: Command, typed: string): void {
  command.configureOutput({ outputError: () => {} }).exitOverride((error) => {
    if (error.exitCode === 0) throw new Printed()
    throw new UsageError(`${sentenceOf(error)} See: ${typed} --help`)
  })
  for (const below of command.commands) throwInsteadOfExit(below, `${typed} ${below.name()}`)
}

/** On one line, with what was probably meant. */
function sentenceOf({ message }: CommanderError): string {
  const [, sentence = message, meant] =
    /^(?:error: )?(.*?)\.?(?:\n\(Did you mean (?:one of )?(.*)\?\))?$/s.exec(message) ?? []
  return meant === undefined ? `${sentence}.` : `${sentence}: did you mean ${meant}?`
}
