import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { type GrantInput, grantSchema } from '../../shared/access/policy.js'
import { messageOf } from '../../shared/errors.js'
import { UsageError } from '../errors/report.js'

/** `run.shell,commands.view on env=staging: exact uptime` or `… : argv git pull`: the last part may be left out. */
const SHORT = /^(\S+) on (.+?)(?:: (exact|argv) (.+))?$/s

const FORM =
  'takes JSON, @file.json, or ACTIONS on AGENTS: exact COMMAND (or: argv WORDS), such as: run.shell on env=staging: exact uptime'

/** The grants that a `--grant` means: one as JSON or in the short form, or those of a file. Throws UsageError. */
export function grantsOf(text: string): GrantInput[] {
  const given = text.startsWith('@') ? readJson(text.slice(1)) : grantIn(text)
  const parsed = z.array(grantSchema).safeParse(Array.isArray(given) ? given : [given])
  // As it was written: the controller parses it once more.
  if (parsed.success) return (Array.isArray(given) ? given : [given]) as GrantInput[]
  const said = parsed.error.issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`)
  throw new UsageError(`--grant ${text}: ${said.join('; ')}`)
}

function grantIn(text: string): unknown {
  if (/^\s*[[{]/.test(text)) return parseJson(text, '--grant')
  const [, actions, agents, kind, command = ''] = SHORT.exec(text) ?? []
  if (actions === undefined || agents === undefined) throw new UsageError(`--grant ${text}: it ${FORM}`)
  return {
    actions: actions.split(','),
    agents,
    ...(kind === 'exact' ? { commands: [{ exact: unquoted(command) }] } : {}),
    ...(kind === 'argv' ? { commands: [{ argv: command.split(/\s+/) }] } : {}),
  }
}

/** A command may be in double quotes, as JSON has them. */
function unquoted(command: string): string {
  return command.startsWith('"') ? z.string().parse(parseJson(command, '--grant')) : command
}

function readJson(file: string): unknown {
  try {
    return parseJson(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`--grant: ${file} cannot be read: ${messageOf(error)}`)
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${where}: this is no JSON: ${messageOf(error)}`)
  }
}
