import { z } from 'zod'
import { code, sentence } from './markdown.js'

/** How a schema is written: as it is sent, or as it is received. */
export type Io = 'input' | 'output'

type JsonSchema = z.core.JSONSchema.BaseSchema

/** The schemas as JSON Schema, by their names; one that is part of another is referred to. */
export function jsonSchemas(named: Record<string, z.ZodType>, io: Io): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const uri = (id: string) => `#${id}`
  return z.toJSONSchema(registry, { io, uri, unrepresentable: 'any', override: explainPattern }).schemas
}

/** No text with a pattern may be this. */
const WRONG = '\u0001'

/** Beside a pattern, the words with which a text that does not fit it is refused. */
function explainPattern({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes
  jsonSchema: JsonSchema
}): void {
  if (jsonSchema.pattern === undefined) return
  const message = z.safeParse(zodSchema, WRONG).error?.issues[0]?.message
  if (message?.startsWith('takes ')) jsonSchema.takes = message.replace('takes ', '')
}

/** The rows of a table: field, type with its bounds, default (of what is sent), meaning. */
export function rowsOf({ properties = {}, required = [] }: JsonSchema, io: Io): string[][] {
  return Object.entries(properties).map(([name, property]) => {
    if (typeof property === 'boolean') throw new Error(`${name} may be anything`)
    if (property.description === undefined) throw new Error(`${name} has no description`)
    const needed = required.includes(name)
    const given = property.default === undefined ? 'none' : code(JSON.stringify(property.default))
    return [
      needed || io === 'input' ? code(name) : `${code(name)}, optional`,
      [typeOf(property), boundsOf(property)].filter((part) => part !== '').join('; '),
      ...(io === 'input' ? [needed ? 'required' : given] : []),
      sentence(property.description),
    ]
  })
}

function typeOf(property: JsonSchema): string {
  const { $ref, type, enum: values, const: only, anyOf, oneOf, items, allOf } = property
  if ($ref) return referenceTo($ref)
  const kinds = anyOf ?? oneOf
  if (kinds) return [...new Set(kinds.map((kind) => partOf(kind)))].join(' or ')
  if (allOf) return allOf.map((kind) => partOf(kind)).join(' and ')
  if (only !== undefined) return code(JSON.stringify(only))
  // A table of its own.
  if (values?.includes('VALIDATION_FAILED')) return 'a code of [Errors](errors.md)'
  if (values) return values.map((value) => code(JSON.stringify(value))).join(', ')
  if (type === 'array') return `list of ${items && !Array.isArray(items) ? partOf(items) : 'values'}`
  if (property.properties) return `object with ${Object.keys(property.properties).map(code).join(', ')}`
  if (type === 'object') return `object by name, of ${partOf(property.additionalProperties ?? true)}`
  const types = [type ?? []].flat()
  return types.length > 0 ? types.map((one) => words[one] ?? one).join(' or ') : 'any'
}

function partOf(kind: JsonSchema | boolean): string {
  return typeof kind === 'boolean' ? 'any' : typeOf(kind)
}

const words: Record<string, string> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  null: 'null',
}

function referenceTo(target: string): string {
  const name = target.slice(target.lastIndexOf('#') + 1)
  return `[${name}](#${name.toLowerCase()})`
}

/** What a schema without a lower or an upper bound has for a whole number. */
const SAFE = Number.MAX_SAFE_INTEGER

function boundsOf(property: JsonSchema): string {
  const kinds = [property, ...(property.anyOf ?? []), ...(property.items ? [property.items].flat() : [])]
  const all = kinds.flatMap((kind) => (typeof kind === 'boolean' ? [] : limitsOf(kind)))
  return [...new Set(all)].join('; ')
}

function limitsOf(schema: JsonSchema): string[] {
  const { minimum, maximum, exclusiveMinimum, minLength, maxLength, minItems, maxItems, pattern, takes } =
    schema
  const numbers = [
    exclusiveMinimum === undefined ? undefined : `more than ${exclusiveMinimum}`,
    minimum === undefined || minimum === -SAFE ? undefined : `${minimum} or more`,
    maximum === undefined || maximum === SAFE ? undefined : `${maximum} at most`,
  ]
  return [
    ...numbers,
    spanOf(minLength, maxLength, 'characters'),
    spanOf(minItems, maxItems, 'entries'),
    typeof takes === 'string' ? takes : pattern && code(pattern),
  ].filter((limit) => limit !== undefined)
}

function spanOf(least: number | undefined, most: number | undefined, what: string): string | undefined {
  if (least !== undefined && most !== undefined) return `${least} to ${most} ${what}`
  if (least === 1 && most === undefined) return 'not empty'
  if (most !== undefined) return `${most} ${what} at most`
  return least === undefined ? undefined : `${least} ${what} or more`
}
