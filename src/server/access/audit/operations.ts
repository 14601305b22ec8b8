import { auditQuerySchema } from '../../../shared/access/audit.js'
import { derived, json, plainQuery, query } from '../../transport/operation.js'
import { exportRoute } from './export.routes.js'
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
