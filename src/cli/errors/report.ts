import { SettingsError } from '../../host/settings.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { exitCodes } from '../output/exit-codes.js'
import { printable, withoutPasswords } from '../output/output.js'
import { explained, LocalError } from './next-step.js'

/** A wrong call: told in one line, exit code 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Tells on stderr what went wrong and what to do next; gives the exit code. */
export function report(error: unknown): number {
  if (error instanceof SettingsError) {
    process.stderr.write(`ogent: these settings are wrong:\n${linesOf(error.message)}`)
    return exitCodes.usage
  }
  if (error instanceof OgentError) {
    const { sentence, nextStep } = explained(error)
    tell(sentence)
    for (const risk of error.risks ?? []) process.stderr.write(`  - ${printable(risk)}\n`)
    process.stderr.write(`  ${printable(nextStep)}\n`)
    return exitCodes.ofError(error)
  }
  tell(messageOf(error))
  if (error instanceof LocalError) process.stderr.write(`  ${printable(error.nextStep)}\n`)
  return error instanceof UsageError ? exitCodes.usage : 1
}

/** A wrong setting is a line; its value is shown as it was given. */
function linesOf(message: string): string {
  return message
    .split('\n')
    .map((line) => `${printable(line)}\n`)
    .join('')
}

function tell(sentence: string): void {
  process.stderr.write(`ogent: ${withoutPasswords(printable(sentence))}\n`)
}
