import { z } from 'zod'
import { auditQuerySchema } from '../../../shared/access/audit.js'
import { sendLive } from '../../transport/http/request.js'
import { derived, json, plainQuery, query, route } from '../../transport/operation.js'
import type { AuditService } from './service.js'

export type AuditServices = { audit: AuditService }

/** About so much is a record in an answer, in bytes. */
const RECORD_BYTES = 6 * 1024

export function auditOperations({ audit }: AuditServices) {
  return {
    /** Who did what, the newest first. */
    list: query({
      access: 'audit.read',
      input: auditQuerySchema.optional(),
      run: async ({ input, caller, admit }) => {
        const asked = input ?? auditQuerySchema.parse({})
        await admit(asked.limit * RECORD_BYTES)
        return audit.list(caller(), asked)
      },
      http: derived({
        method: 'GET',
        path: '/audit',
        id: 'listAudit',
        tag: 'audit',
        summary: 'List who did what, the newest first',
        query: auditQuerySchema,
        replies: { 200: { description: 'A page of records.', content: json('AuditPage') } },
        errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      }),
      routes: [exportRoute(audit)],
    }),

    /** The signed heads of the chains, the newest first. */
    checkpoints: plainQuery({
      access: 'audit.read',
      run: async ({ caller, admit }) => {
        const found = await audit.checkpoints(caller())
        await admit(found.checkpoints.length * 512)
        return found
      },
      http: derived({
        method: 'GET',
        path: '/audit/checkpoints',
        id: 'listAuditCheckpoints',
        tag: 'audit',
        summary: 'List the signed heads of the chains',
        description: 'Kept elsewhere, they show later what was cut off the audit or made anew.',
        replies: {
          200: { description: 'The checkpoints, the newest first.', content: json('AuditCheckpoints') },
        },
        errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),

    /** What connected agents have kept of the heads of chains. */
    witnesses: plainQuery({
      access: 'audit.read',
      run: ({ caller }) => audit.witnesses(caller()),
      http: derived({
        method: 'GET',
        path: '/audit/witnesses',
        id: 'listAuditWitnesses',
        tag: 'audit',
        summary: 'Ask the connected agents which heads of chains they have kept',
        replies: {
          200: { description: 'Those that have answered in time.', content: json('AuditWitnesses') },
        },
        errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),
  }
}

const LINE =
  '{"type":"checkpoint","chain":"01J8Z6W1A2B3C4D5E6F7G8H9J0","seq":64,"hash":"…","count":64,"timestamp":"2026-01-01T12:00:00.000Z","kid":"…","signature":"…"}\n'

/** Apart from `list`: it is streamed. */
function exportRoute(audit: AuditService) {
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
    query: z.object({}),
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
