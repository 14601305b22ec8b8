#!/usr/bin/env node
import { markSmallHeapsAtOnce } from '../host/gc-tuning.js'
import { parseCall, versionLine } from './call.js'
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
  const program = ogentProgram(versionLine('ogent'), words, (next) => {
    act = next
  })
  if (own.length === 0) throw new UsageError('which command? See: ogent --help')
  return parseCall(program, own) ? act() : 0
}
