import type { CommandOutcome } from '../../shared/commands/outcome.js'
import { OgentError } from '../../shared/errors.js'
import { printable, withoutEscapes } from '../../shared/printable.js'
import { CallSite } from '../call-site.js'

const COMMAND_CHARACTERS = 80
const STDERR_CHARACTERS = 1000
const STDERR_LINES = 10

/**
 * Throws COMMAND_FAILED unless the command succeeded, for those who want an exception: as `throwOnError`. The message has
 * the command (80 characters), how it ended, and the end of its stderr (10 lines, 1000 characters).
 */
export function assertOk(outcome: CommandOutcome): void {
  if (outcome.status !== 'success') throw new CallSite(assertOk).error(failureOf(outcome))
}

/** The error for a command that did not succeed. */
export function failureOf(outcome: CommandOutcome): OgentError {
  const { agent_id, command_id, error } = outcome
  const known = { agent_id, command_id, outcome, risks: error?.risks }
  return new OgentError('COMMAND_FAILED', sentenceOf(outcome), known)
}

function sentenceOf(outcome: CommandOutcome): string {
  const { command, agent_id, status, exit_code, signal } = outcome
  const end = exit_code === null ? signal : `exit code ${exit_code}`
  const head = `${nameOfCommand(command, agent_id)} ended as ${status}${end === null ? '' : ` (${end})`}`
  const said = endOf(stderrOf(outcome))
  const stderr = said === '' ? '' : `:${said.includes('\n') ? '\n' : ' '}${said}`
  const reason = printable(outcome.reason?.split('\n', 1)[0] ?? '')
  // A reason that only names the signal says nothing more.
  if (reason === '' || reason === `Ended by ${signal}.`) return `${head}${stderr || '.'}`
  return `${head}. ${reason}${stderr === '' ? '' : ` stderr${stderr}`}`
}

/** A command for a sentence: the beginning of its text, as one line, and where it runs. */
export function nameOfCommand(command: string, agent_id: string | undefined): string {
  const letters = [...printable(command.slice(0, 2 * COMMAND_CHARACTERS + 1))]
  const shown =
    letters.length > COMMAND_CHARACTERS
      ? `${letters.slice(0, COMMAND_CHARACTERS).join('')}…`
      : letters.join('')
  return `The command "${shown}"${agent_id === undefined ? '' : ` on ${agent_id}`}`
}

function stderrOf({ stderr, encoding }: CommandOutcome): string {
  if (encoding === 'utf8') return stderr
  return new TextDecoder().decode(Uint8Array.from(atob(stderr), (letter) => letter.charCodeAt(0)))
}

/** The last lines, as a terminal would show them, in a bound and with nothing that steers one. */
function endOf(text: string): string {
  const lines = withoutEscapes(text)
    .split('\n')
    // A line that was written over, as of a progress bar, is shown as it was last.
    .map((line) => printable(line.split('\r').findLast((part) => part.trim() !== '') ?? '').trimEnd())
    .filter((line) => line !== '')
    .slice(-STDERR_LINES)
  const letters = [...lines.join('\n')]
  return letters.length > STDERR_CHARACTERS
    ? `…${letters.slice(-STDERR_CHARACTERS).join('')}`
    : letters.join('')
}
