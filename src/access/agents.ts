import type { SelectableAgent } from '../shared/agents/selector/fields.js'
import { matcherOf } from '../shared/agents/selector/matcher.js'
import { formatSelector } from '../shared/agents/selector/printer.js'
import type { Selector } from '../shared/agents/selector/tree.js'
import { brief } from './brief.js'
import type { AccessAgent } from './request.js'

/** Agents as grants choose them: by id and by assigned label. */

/** A selector of a grant, made ready. */
export type Reach = {
  selector: Selector
  /** Every agent there is. */
  all: boolean
  test: (agent: AccessAgent) => boolean
  /** An agent that fits has one of these keys; undefined where that cannot be said. See `keysOf`. */
  keys: readonly string[] | undefined
  /** As people read it. */
  text: () => string
}

/** Makes a selector of ids and assigned labels ready. Throws VALIDATION_FAILED for one with sets, runs or facts. */
export function reachOf(selector: Selector): Reach {
  const matches = matcherOf(selector)
  let text: string | undefined
  return {
    selector,
    all: 'all' in selector,
    test: (agent) => matches(selectable(agent)),
    keys: keysOf(selector),
    text: () => {
      text ??= brief(formatSelector(selector))
      return text
    },
  }
}

/** The keys of an agent: one for its id, and one for each label. */
export function keysOfAgent({ agent_id, labels }: AccessAgent): string[] {
  const keys = [idKey(agent_id)]
  for (const name of Object.keys(labels)) keys.push(labelKey(name, labels[name] ?? ''))
  return keys
}

/** The label that a field of a grant reads; undefined for the id. */
export function labelOf(field: string): string | undefined {
  if (field === 'id') return undefined
  return field.startsWith('label.') ? field.slice('label.'.length) : field
}

/** More keys than these cost more than the test that they save. */
const mostKeys = 256

/** Keys of which an agent that fits has one, so that few selectors have to be tested; undefined where there are none. */
function keysOf(selector: Selector): readonly string[] | undefined {
  if ('ids' in selector) return selector.ids.map(idKey)
  if ('and' in selector) {
    const found = selector.and.flatMap((part) => {
      const keys = keysOf(part)
      return keys ? [keys] : []
    })
    return found.sort((a, b) => a.length - b.length)[0]
  }
  if ('or' in selector) {
    const keys: string[] = []
    for (const part of selector.or) {
      const own = keysOf(part)
      if (!own || keys.length + own.length > mostKeys) return undefined
      keys.push(...own)
    }
    return [...new Set(keys)]
  }
  if (!('field' in selector) || (selector.op !== 'eq' && selector.op !== 'in')) return undefined
  const { field, values = [] } = selector
  const label = labelOf(field)
  if (values.length > mostKeys) return undefined
  return values.map((value) => (label === undefined ? idKey(value) : labelKey(label, value)))
}

function idKey(id: string): string {
  return `id ${id}`
}

function labelKey(name: string, value: string): string {
  return `label ${name}=${value}`
}

/** Policies see nothing that an agent says of itself; the selector of a grant reads none of these fields. */
const unsaid: Omit<SelectableAgent, 'agent_id' | 'labels'> = {
  hostname: '',
  status: 'disconnected',
  agent_info: {
    platform: '',
    version: '',
    python: null,
    node: '',
    ssh_enabled: false,
    ssh_target: null,
    hostname: '',
    arch: '',
    agent_version: '',
    max_concurrent_commands: 0,
  },
}

/** An agent as selectors take one. */
export function selectable({ agent_id, labels }: AccessAgent): SelectableAgent {
  return { agent_id, labels, hostname: unsaid.hostname, status: unsaid.status, agent_info: unsaid.agent_info }
}
