/** A schema with what it refers to in its place; what refers to itself is a definition of the schema. */
export function resolved(
  schema: Record<string, unknown>,
  components: Record<string, unknown>,
): Record<string, unknown> {
  const definitions: Record<string, unknown> = {}
  const walk = (part: unknown, within: readonly string[]): unknown => {
    if (Array.isArray(part)) return part.map((inner) => walk(inner, within))
    if (typeof part !== 'object' || part === null) return part
    if ('$ref' in part) return follow(String(part.$ref).split('/').at(-1) ?? '', within)
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, walk(inner, within)]))
  }
  const follow = (name: string, within: readonly string[]): unknown => {
    if (!within.includes(name)) return walk(components[name], [...within, name])
    if (!(name in definitions)) {
      definitions[name] = {}
      definitions[name] = walk(components[name], [name])
    }
    return { $ref: `#/$defs/${name}` }
  }
  // An object stays one.
  const whole = walk(schema, []) as Record<string, unknown>
  return Object.keys(definitions).length === 0 ? whole : { ...whole, $defs: definitions }
}
