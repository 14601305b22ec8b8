import type { ZodError, z } from 'zod'
import type { ValidationIssue } from '../../../shared/errors.js'

/** Where in a request something was wrong. */
export type Source = 'body' | 'query' | 'path' | 'header'

/** What zod found, in the shape that the original's clients read. */
export function toIssues(error: ZodError, source?: Source): ValidationIssue[] {
  return issuesAt(error.issues, source === undefined ? [] : [source])
}

function issuesAt(issues: ZodError['issues'], place: ValidationIssue['loc']): ValidationIssue[] {
  return issues.flatMap((issue) => {
    const loc = [...place, ...issue.path.map(toLoc)]
    // Of a key that cannot be, only the issues inside say why.
    if (issue.code === 'invalid_key') return issuesAt(issue.issues, loc)
    if (issue.code === 'unrecognized_keys') return unknownFields(issue, loc)
    return [{ loc, msg: issue.message, type: issue.code }]
  })
}

/** One issue a field; a schema made by `strict` says a line of each. */
function unknownFields(
  issue: z.core.$ZodIssueUnrecognizedKeys,
  place: ValidationIssue['loc'],
): ValidationIssue[] {
  const lines = issue.message.split('\n')
  const said = (at: number) => (lines.length === issue.keys.length ? lines[at] : undefined)
  return issue.keys.map((key, at) => ({
    loc: [...place, key],
    msg: said(at) ?? issue.message,
    type: 'unknown_field',
  }))
}

function toLoc(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : String(part)
}
