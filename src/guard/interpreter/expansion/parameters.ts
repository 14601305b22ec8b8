import type { ParameterExpansionPart, Word } from 'unbash'
import { BREAK, HOLE, HOME } from '../programs/invocation.js'
import type { Scope, Value } from '../scope.js'
import { globToRegExp } from './glob.js'

const unknown: readonly Value[] = [{ text: HOLE, sources: [] }]
const known = (text: string): readonly Value[] => [{ text, sources: [] }]

/** What a parameter may hold: what the text sets it to, or else what every shell sets, or else unknown. */
export function lookUp(name: string, scope: Scope): readonly Value[] {
  const own = scope.variable(name)
  if (own) return own
  if (/^[1-9]\d?$/.test(name)) return [scope.positional[Number(name) - 1] ?? { text: '', sources: [] }]
  if (name === '@' || name === '*') {
    return [
      {
        text: scope.positional.map((value) => value.text).join(BREAK),
        sources: scope.positional.flatMap((value) => value.sources),
      },
    ]
  }
  if (name === '0') return known(scope.name)
  if (name === 'HOME') return known(HOME)
  if (name === 'IFS') return known(' \t\n')
  if (name === 'SHELL' || name === 'BASH') return known('/bin/bash')
  if (name === 'PATH') return known('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
  if (name === 'PWD') return scope.folders.map((folder) => ({ text: folder ?? HOLE, sources: [] }))
  return unknown
}

/** `${…}`, with the operations whose result follows from the text. `operand` gives the value of a word inside. */
export function expandParameter(
  part: ParameterExpansionPart,
  scope: Scope,
  operand: (word: Word) => readonly Value[],
): readonly Value[] {
  if (part.prefix === '#') return unknown
  let values = element(lookUp(part.parameter, scope), part)
  if (part.prefix === '!') values = values.flatMap((value) => lookUp(value.text, scope))
  const operation = part.operation
  if (!operation) return values
  if (operation.type === 'Default') {
    const isSet = scope.variable(part.parameter) !== undefined
    const filled = values.some((value) => value.text !== '')
    if (operation.operator.endsWith('?')) return values
    if (operation.operator.endsWith('+')) return operand(operation.operand)
    if (isSet && filled) return values
    const fallback = operand(operation.operand)
    if (operation.operator.endsWith('=')) scope.assign(part.parameter, fallback, false)
    return fallback
  }
  if (operation.type === 'Transform') return values
  if (operation.type === 'Names' || operation.type === 'Unknown') return unknown
  return values.flatMap((value) => {
    const change = changer(operation, operand)
    // The home folder and the search path begin with a slash: `${HOME:0:1}` is a way to spell a slash.
    if (value.text === HOME && operation.type === 'Slice')
      return [{ ...value, text: change('/home') ?? HOLE }]
    if (value.text.includes(HOLE) || value.text === HOME) return [{ ...value, text: HOLE }]
    return [{ ...value, text: change(value.text) ?? HOLE }]
  })
}

function element(values: readonly Value[], part: ParameterExpansionPart): readonly Value[] {
  if (!part.index)
    return values.map((value) => ({ ...value, text: firstElement(value.text, part.parameter) }))
  const index = part.index.value
  if (index === '@' || index === '*') return values
  // A name as a key: any value of the array.
  if (/^[A-Za-z_][\w-]*$/.test(index))
    return values.flatMap((value) => value.text.split(BREAK).map((text) => ({ ...value, text }))).slice(0, 64)
  if (!/^\d{1,4}$/.test(index)) return values.map((value) => ({ ...value, text: HOLE }))
  return values.map((value) => ({ ...value, text: value.text.split(BREAK)[Number(index)] ?? '' }))
}

function firstElement(text: string, parameter: string): string {
  return parameter === '@' || parameter === '*' ? text : (text.split(BREAK)[0] ?? '')
}

type Change = (text: string) => string | undefined
type Operation = NonNullable<ParameterExpansionPart['operation']>

function changer(operation: Operation, operand: (word: Word) => readonly Value[]): Change {
  const text = (word: Word | undefined) => (word ? operand(word)[0]?.text : undefined)
  switch (operation.type) {
    case 'Slice': {
      const offset = Number(text(operation.offset)?.trim())
      const length = operation.length ? Number(text(operation.length)?.trim()) : undefined
      if (!Number.isInteger(offset)) return () => undefined
      return (value) => {
        const rest = value.slice(offset)
        return length === undefined ? rest : rest.slice(0, length)
      }
    }
    case 'CaseModification':
      return (value) => {
        const turn = (one: string) =>
          operation.operator.startsWith('^') ? one.toUpperCase() : one.toLowerCase()
        return operation.operator.length === 2 ? turn(value) : turn(value.slice(0, 1)) + value.slice(1)
      }
    case 'Remove': {
      const pattern = text(operation.operand) ?? HOLE
      const front = operation.operator.startsWith('#')
      return (value) => remove(value, pattern, front)
    }
    case 'Replace': {
      const pattern = text(operation.pattern) ?? HOLE
      const by = text(operation.replacement) ?? HOLE
      if (/[*?[]/.test(pattern) || pattern.includes(HOLE) || pattern === '') return () => undefined
      return (value) =>
        operation.operator === '//' ? value.replaceAll(pattern, () => by) : value.replace(pattern, () => by)
    }
    default:
      return () => undefined
  }
}

function remove(value: string, pattern: string, front: boolean): string | undefined {
  if (!/[*?[]/.test(pattern)) {
    if (front) return value.startsWith(pattern) ? value.slice(pattern.length) : value
    return value.endsWith(pattern) ? value.slice(0, value.length - pattern.length) : value
  }
  const matcher = globToRegExp(pattern, { anchored: front ? 'start' : 'end' })
  if (!matcher || value.length > 1024) return undefined
  return value.replace(matcher, '')
}
