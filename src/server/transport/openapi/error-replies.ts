import { type ErrorCode, errorTable } from '../../../shared/errors.js'
import type { DocumentedRoute } from '../http/route.js'
import { type JsonSchema, reference } from './schemas.js'

/** The replies of a route that are errors: one for each status, with the codes that it can have. */
export function errorReplies(operation: DocumentedRoute): Record<string, JsonSchema> {
  const codes = new Set([...operation.errors, ...errorsOfKind(operation)])
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const { status } = errorTable[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const made: Record<string, JsonSchema> = {}
  for (const [status, its] of byStatus) {
    if (status in operation.replies) continue
    const schema = reference(status === errorTable.VALIDATION_FAILED.status ? 'ValidationProblem' : 'Problem')
    made[status] = {
      description: its.map((code) => `${errorTable[code].title} (\`${code}\`).`).join(' '),
      ...(status === 401 ? { headers: { 'WWW-Authenticate': header('Bearer') } } : {}),
      ...(status === 429 || status === 503 ? { headers: { 'Retry-After': header('Seconds to wait.') } } : {}),
      content: { 'application/problem+json': { schema } },
    }
  }
  return made
}

/** What any route of this kind can answer, regardless of its purpose. */
function errorsOfKind({ method, path, access, query, body, tag }: DocumentedRoute): ErrorCode[] {
  const codes: ErrorCode[] = ['INTERNAL']
  // What the controller says of itself is not counted.
  if (tag !== 'service') codes.push('RATE_LIMITED')
  if (access !== 'open') codes.push('UNAUTHORIZED')
  if (access !== 'open' && access !== 'any') codes.push('FORBIDDEN')
  // A body is read before the route decides whether it needs one.
  if (method === 'POST') codes.push('BAD_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE')
  // A name in a path may be escaped wrongly, or be longer than any can be.
  if (path.includes('{')) codes.push('BAD_REQUEST')
  if (query || body || path.includes('{command_id}')) codes.push('VALIDATION_FAILED')
  return codes
}

function header(description: string): JsonSchema {
  return { description, schema: { type: 'string' } }
}
