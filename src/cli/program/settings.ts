import { type Command, type Help, Option } from 'commander'
import type { z } from 'zod'
import { agentSchema } from '../../agent/config.js'
import { secretSettings } from '../../host/secret-files.js'
import { controllerSchema } from '../../server/config.js'
import { UsageError } from '../errors/report.js'

/** The settings of a role as options, made of the schemas by which the roles read them: DATA_DIR is --data-dir. */

const schemas = { controller: controllerSchema, agent: agentSchema }
export type SettingsRole = keyof typeof schemas

/** Adds an option for each setting of a role; for a secret, one for a file with it. */
export function settingOptions(command: Command, role: SettingsRole): Command {
  for (const [name, schema] of settingsOf(role)) {
    for (const option of isSecret(role, name) ? secretOptions(name, schema) : [plainOption(name, schema)])
      command.addOption(option.helpGroup('Settings:'))
  }
  return command
    .configureHelp({ formatItem: belowEachOther })
    .addHelpText(
      'after',
      '\nEach setting may also be in the environment or in .env, as DATA_DIR for\n--data-dir; an option counts before both. A secret is there, or in a file.',
    )
}

/** The settings that were given as options, by their names. Throws UsageError for a secret: others can read a command line. */
export function givenSettings(command: Command, role: SettingsRole): Record<string, string> {
  const given: Record<string, string> = {}
  for (const [name] of settingsOf(role)) {
    const names = isSecret(role, name) ? [name, `${name}_FILE`] : [name]
    for (const one of names) {
      const value: unknown = command.getOptionValue(new Option(flagOf(one)).attributeName())
      if (value === undefined) continue
      if (one === name && isSecret(role, name)) throw readable(name)
      given[one] = String(value)
    }
  }
  return given
}

/** Those that have a description: an agent also reads what is not its own. */
function settingsOf(role: SettingsRole): [name: string, schema: z.ZodType][] {
  const shape: Record<string, z.ZodType> = schemas[role].shape
  return Object.entries(shape).filter(([, { description }]) => description !== undefined)
}

function isSecret(role: SettingsRole, name: string): boolean {
  const names: readonly string[] = secretSettings[role]
  return names.includes(name)
}

function plainOption(name: string, schema: z.ZodType): Option {
  const { data: value } = schema.safeParse(undefined)
  const shown = typeof value === 'object' || value === undefined ? '' : ` (default: ${value})`
  const says = `${description(schema)}${shown}`
  if (typeof value === 'boolean') return new Option(`${flagOf(name)} [true|false]`, says)
  return new Option(`${flagOf(name)} <value>`, says)
}

/** The secret itself is an option as well, so that the error says what to do, and not that there is none. */
function secretOptions(name: string, schema: z.ZodType): Option[] {
  return [
    new Option(`${flagOf(name)}-file <file>`, `A file with ${name}. ${description(schema)}`),
    new Option(`${flagOf(name)} [secret]`).hideHelp(),
  ]
}

/** Names are long, and so are descriptions: beside each other neither has room. */
function belowEachOther(term: string, _width: number, text: string, help: Help): string {
  const width = Math.max((help.helpWidth ?? 80) - INDENT.length, 40)
  const lines = help.boxWrap(text, width).split('\n')
  return [`  ${term}`, ...lines.map((line) => INDENT + line)].join('\n')
}

const INDENT = ' '.repeat(6)

function description({ description: text = '' }: z.ZodType): string {
  return text.replace(/\.$/, '')
}

function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`
}

function readable(name: string): UsageError {
  return new UsageError(
    `${flagOf(name)}: every user of this machine can read a command line: set ${name}, or name a file with it (${flagOf(name)}-file)`,
  )
}
