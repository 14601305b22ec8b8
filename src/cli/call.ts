import type { Command, CommanderError } from 'commander'
import { packageVersion } from '../host/version.js'
import { UsageError } from './errors/report.js'

/** Help and version were asked for, and are printed. */
class Printed extends Error {}

/** What a program of ours prints as its version. */
export function versionLine(name: string): string {
  return `${name}/${packageVersion()} ${process.platform}-${process.arch} node-${process.version}`
}

/**
 * Parses a call by its program, whose actions note what is to be done. False where help or the version was asked for, and
 * is printed; throws UsageError for a wrong call, which names where help is.
 */
export function parseCall(program: Command, args: string[]): boolean {
  throwInsteadOfExit(program, program.name())
  try {
    program.parse(args, { from: 'user' })
    return true
  } catch (error) {
    if (error instanceof Printed) return false
    throw error
  }
}

/** `typed` is how the command is called. */
function throwInsteadOfExit(command: Command, typed: string): void {
  command.configureOutput({ outputError: () => {}, writeErr: () => {} }).exitOverride((error) => {
    if (error.exitCode === 0) throw new Printed()
    // A command that has only others below it was called alone.
    if (error.code === 'commander.help') throw new UsageError(`which one? See: ${typed} --help`)
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
