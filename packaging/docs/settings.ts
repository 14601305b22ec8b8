import { Command } from 'commander'
import { z } from 'zod'
import { agentSchema } from '../../src/agent/config.js'
import { settingOptions } from '../../src/cli/program/settings.js'
import { controllerSchema } from '../../src/server/config.js'
import { code, sentence, tableOf } from './markdown.js'

const INTRODUCTION = `# Settings

<!-- Made by \`npm run docs\` from the schemas in src/server/config.ts and src/agent/config.ts: change those files. -->

A controller (\`ogent controller\`) and an agent (\`ogent agent\`) take their settings from options, from the environment, and from the
file \`.env\` in the folder that they are started in: the first of these that has one counts. An option is the name of its setting in
lower case, with \`-\` for \`_\`. What is left empty or blank counts as not set. A program does not start with a setting that is wrong: it
says what it got and what it takes, a line for each. [.env.example](../.env.example) has all of them, to copy.

A secret is no option, since every user of a machine can read the command lines there. It is in the environment, or alone in a file
whose path is the setting with \`_FILE\` behind its name, or its option.

\`ogent start\` runs one of each and takes the settings of both from the environment and \`.env\`; its agent has an account of its own. What is
only warned of elsewhere keeps a program from starting where \`NODE_ENV\` is \`production\`: sample values, short secrets, and an address that
others can reach without TLS.
`

const roles = [
  { title: 'Controller', role: 'controller', schema: controllerSchema },
  { title: 'Agent', role: 'agent', schema: agentSchema },
] as const

type Role = (typeof roles)[number]

/** Defaults that depend on the machine, as a reader has to see them. */
const shownDefaults: Record<string, string> = { DATA_DIR: '~/.local/state/ogent' }

/** docs/settings.md: every setting of both roles, by the schemas that they are parsed with. */
export function settingsGuide(): string {
  return [INTRODUCTION, ...roles.map(sectionOf)].join('\n')
}

function sectionOf(role: Role): string {
  const options = optionsOf(role)
  const shape: Record<string, z.ZodType> = role.schema.shape
  const rows = Object.entries(shape)
    .filter(([, { description }]) => description !== undefined)
    .map(([name, schema]) => rowOf(name, schema, options))
  const table = tableOf(['setting and option', 'default', 'takes', 'meaning'], rows)
  return `## ${role.title}\n\n${table}\n`
}

function rowOf(name: string, schema: z.ZodType, options: ReadonlySet<string>): string[] {
  const flag = `--${name.toLowerCase().replaceAll('_', '-')}`
  const isSecret = options.has(`${flag}-file`)
  const option = isSecret ? `${flag}-file` : flag
  if (!options.has(option)) throw new Error(`ogent has no option ${option}`)
  const names = isSecret ? [name, `${name}_FILE`, option] : [name, option]
  return [
    names.map(code).join(', '),
    defaultOf(name, schema),
    takenBy(name, schema),
    sentence(schema.description ?? ''),
  ]
}

/** The options that the program has for settings, such as `--data-dir`. */
function optionsOf({ role }: Role): ReadonlySet<string> {
  const { options } = settingOptions(new Command(), role)
  return new Set(options.flatMap(({ hidden, long }) => (hidden || !long ? [] : [long])))
}

function defaultOf(name: string, schema: z.ZodType): string {
  const value = shownDefaults[name] ?? givenDefault(schema)
  if (value === undefined) return schema.safeParse(undefined).success ? 'none' : 'required'
  // An empty list, and no labels.
  if (typeof value === 'object') return 'none'
  return code(String(value))
}

/** As it is written, before it becomes a path of this machine. */
function givenDefault(schema: z.core.$ZodType): unknown {
  if (schema instanceof z.ZodDefault) return schema.def.defaultValue
  return schema instanceof z.ZodPipe ? givenDefault(schema.in) : undefined
}

/** No setting but a free text may be this. */
const WRONG = '\u0001'

/** What may be given, in the words that a wrong value is refused with. */
function takenBy(name: string, schema: z.ZodType): string {
  const message = schema.safeParse(WRONG).error?.issues[0]?.message
  if (message === undefined) return 'a text'
  if (!message.startsWith('takes ')) throw new Error(`${name} is refused by: ${message}`)
  return message.replace('takes ', '')
}
