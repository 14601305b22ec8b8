import type { Agent } from '../agent.js'

/** The fields of an agent by which a selector chooses. */

/** What of an agent a selector looks at. */
export type SelectableAgent = Pick<Agent, 'agent_id' | 'hostname' | 'status' | 'labels' | 'agent_info'>

/** What an agent says of itself beyond its hello, by path: `os.name`. */
export type Facts = Readonly<Record<string, string | number | boolean>>

/** Words of the language: a label of such a name is written with `label.` before it. */
export const keywords: readonly string[] = ['and', 'or', 'minus', 'not', 'in', 'has', 'all']

const NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,255}$/
/** What a field's name begins with where it is of a group, and what a name of that group is called. */
const GROUP = /^(label|fact|info)\.(.*)$/s

type Read = (agent: SelectableAgent) => string | number | boolean | null | undefined

const builtIn: Record<string, Read> = {
  id: ({ agent_id }) => agent_id,
  hostname: ({ hostname }) => hostname,
  status: ({ status }) => status,
  agent_version: ({ agent_info }) => agent_info.agent_version,
}

/** Why no field can be called so; undefined where one can. */
export function fieldFault(name: string): string | undefined {
  if (keywords.includes(name)) return `${name} is a word of the language: write label.${name}`
  const [, group, rest] = GROUP.exec(name) ?? []
  if (!NAME.test(name) || rest === '') {
    return group === undefined
      ? 'a field takes letters, digits and . _ / -'
      : `a name comes after ${group}., of letters, digits and . _ / -`
  }
  return undefined
}

/** Reads a field of an agent; undefined where it has none. `facts` gives those of an agent, where they are known at all. */
export function fieldReader(
  field: string,
  facts: ((agent_id: string) => Facts | undefined) | undefined,
): (agent: SelectableAgent) => string | undefined {
  const read = readerOf(field, facts)
  return (agent) => {
    const value = read(agent)
    return value === undefined || value === null ? undefined : String(value)
  }
}

function readerOf(field: string, facts: ((agent_id: string) => Facts | undefined) | undefined): Read {
  const own = Object.hasOwn(builtIn, field) ? builtIn[field] : undefined
  if (own) return own
  const [, group, rest = ''] = GROUP.exec(field) ?? []
  switch (group) {
    case 'fact':
      return ({ agent_id }) => ownValue(facts?.(agent_id) ?? {}, rest)
    case 'info':
      return ({ agent_info }) => ownValue({ ...agent_info }, rest)
    case 'label':
      return ({ labels }) => ownValue(labels, rest)
    default:
      return ({ labels }) => ownValue(labels, field)
  }
}

function ownValue<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}
