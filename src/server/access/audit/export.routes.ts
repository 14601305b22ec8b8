import { sendLive } from '../../transport/http/request.js'
import { route } from '../../transport/http/route.js'
import type { AuditService } from './service.js'

const LINE =
  '{"type":"checkpoint","chain":"01J8Z6W1A2B3C4D5E6F7G8H9J0","seq":64,"hash":"…","count":64,"timestamp":"2026-01-01T12:00:00.000Z","kid":"…","signature":"…"}\n'

/** Apart from `list`: it is streamed. */
export function exportRoute(audit: AuditService) {
  return route({
    method: 'GET',
    path: '/audit/export',
    id: 'exportAudit',
    tag: 'audit',
    summary: 'Export all of the audit, to keep it or to verify it',
    description:
      'A line of JSON for each record, each chain from its oldest on, then one for each checkpoint. ' +
      '`ogent audit verify --file` verifies it without a controller.',
    live: true,
    replies: {
      200: {
        description: 'The lines.',
        content: { 'application/jsonl': { plain: 'string', example: LINE } },
      },
    },
    errors: ['RATE_LIMITED', 'UNAVAILABLE'],
    handle: ({ request, reply, caller }) =>
      sendLive(request, reply.type('application/jsonl'), audit.export(caller())),
  })
}
