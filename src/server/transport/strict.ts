import { z } from 'zod'
import { closest } from '../../shared/closest.js'

const made = new WeakMap<z.ZodType, z.ZodType>()

/**
 * The same schema, which refuses fields that it does not know: a field with a typing error would otherwise be left out,
 * and the request would mean something else. The error names the field that was probably meant.
 */
export function strict<Schema extends z.ZodType>(schema: Schema): Schema {
  const known = made.get(schema)
  const strictSchema = known ?? toStrict(schema)
  if (!known) made.set(schema, strictSchema)
  // It takes less than the schema, and gives the same.
  return strictSchema as Schema
}

function toStrict(schema: z.ZodType): z.ZodType {
  if (isWrapper(schema)) {
    // The same wrapper, around what is strict: zod types what it holds more loosely than what it makes.
    return schema.clone({ ...schema.def, innerType: toStrict(schema.unwrap() as z.ZodType) } as never)
  }
  if (!(schema instanceof z.ZodObject)) return schema
  const fields = Object.keys(schema.shape)
  return schema.clone({
    ...schema.def,
    catchall: z.never(),
    error: (issue: z.core.$ZodRawIssue) =>
      issue.code === 'unrecognized_keys' ? unknownFields(issue.keys, fields) : undefined,
  })
}

function isWrapper(schema: z.ZodType): schema is z.ZodOptional | z.ZodDefault | z.ZodPrefault {
  return [z.ZodOptional, z.ZodDefault, z.ZodPrefault].some((wrapper) => schema instanceof wrapper)
}

/** A line a field, in the order of the issue: `toIssues` makes an issue of each. */
function unknownFields(keys: string[], fields: string[]): string {
  return keys.map((key) => unknownField(key, fields)).join('\n')
}

function unknownField(key: string, fields: string[]): string {
  const meant = closest(key, fields)
  if (meant !== undefined) return `is not known: did you mean \`${meant}\`?`
  if (fields.length === 0) return 'is not known: none is taken here'
  return `is not known: ${fields.join(', ')} are taken`
}
