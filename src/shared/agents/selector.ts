import * as z from 'zod'
import { OgentError } from '../errors.js'
import { EMPTY, parseSelector, TOO_LONG } from './selector/parser.js'
import { nodesOf, type Selector, selectorLimits, selectorNodeSchema } from './selector/tree.js'

/** Which agents are meant, as people write it (`env=prod and role=web`) and as programs build it. */

/** A selector as text, parsed. */
export const selectorTextSchema = z
  .string()
  .min(1, EMPTY)
  .max(selectorLimits.text, TOO_LONG)
  .transform((text, { addIssue }): Selector => {
    try {
      return parseSelector(text)
    } catch (error) {
      addIssue(selectorFault(error))
      return z.NEVER
    }
  })

/** A selector as text or as a tree. */
export const selectorSchema: z.ZodType<Selector, string | Selector> = z.union(
  [selectorTextSchema, selectorNodeSchema],
  {
    error: ({ input, errors: [ofText = [], ofTree = []] }) =>
      (typeof input === 'string' ? ofText : ofTree).map(({ message }) => message).join('; '),
  },
)

/** What a selector is refused for, without the word before it. Throws what is no such refusal. */
export function selectorFault(error: unknown): string {
  if (!(error instanceof OgentError)) throw error
  return error.issues?.[0]?.msg ?? error.message
}

/** Every id that a selector names, wherever it names it, each once. */
export function idsOf(selector: Selector): string[] {
  const ids = [...nodesOf(selector)].flatMap((node) => ('ids' in node ? node.ids : []))
  return [...new Set(ids)]
}

/** Every field that a selector asks for, as it is written there, each once. */
export function fieldsOf(selector: Selector): string[] {
  const fields = [...nodesOf(selector)].flatMap((node) => ('field' in node ? [node.field] : []))
  return [...new Set(fields)]
}
