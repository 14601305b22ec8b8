/** A schema with what it refers to in its place: the schemas of the OpenAPI document are finite. */
export function resolved(
  schema: Record<string, unknown>,
  components: Record<string, unknown>,
): Record<string, unknown> {
  const walk = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    if ('$ref' in part) return walk(components[String(part.$ref).split('/').at(-1) ?? ''])
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, walk(inner)]))
  }
  // An object stays one.
  return walk(schema) as Record<string, unknown>
}
