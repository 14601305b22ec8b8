#!/usr/bin/env node
import { type Command, CommanderError } from 'commander'
import { markSmallHeapsAtOnce } from '../host/gc-tuning.js'
import { packageVersion } from '../host/version.js'
import { report, UsageError } from './errors/report.js'
import { endOnBrokenPipe } from './output/output.js'
import { ogentProgram } from './program.js'

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
  for (const command of [program, ...program.commands]) throwInsteadOfExit(command)
  if (own.length === 0) throw new UsageError('which command? See: ogent --help')
  try {
    program.parse(own, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help and version were asked for, and are printed.
    if (error.exitCode === 0) return 0
    throw new UsageError(`${sentenceOf(error)}. See: ogent help`)
  }
  return act()
}

function versionLine(): string {
  return `ogent/${packageVersion()} ${process.platform}-${process.arch} node-${process.version}`
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} })
}

function sentenceOf({ message }: CommanderError): string {
  return message.replace(/^error: /, '').replace(/\.$/, '')
}
