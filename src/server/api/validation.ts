import type { ZodError } from 'zod'
import type { ValidationIssue } from '../../shared/errors.js'

/** What zod found, in the shape that the original's clients read. */
export function toIssues(error: ZodError, source?: 'body' | 'query' | 'path'): ValidationIssue[] {
  return error.issues.map((issue) => ({
    loc: [...(source === undefined ? [] : [source]), ...issue.path.map(toLoc)],
    msg: issue.message,
    type: issue.code,
  }))
}

function toLoc(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : String(part)
}
