import type { AuditCheckpoints, AuditFilter, AuditPage, AuditWitnesses } from '../../shared/access/audit.js'
import { CallSite } from '../call-site.js'
import type { Fetched } from '../commands/download.js'
import type { Connection } from '../connection.js'
import type { CallOptions } from '../options.js'

/** What a client reads of the audit. All of it takes the right `audit.read`, which the role admin has. */
export interface AuditMethods {
  /** A page of records, the newest first, from `cursor` on. */
  list(filter?: AuditFilter, options?: CallOptions): Promise<AuditPage>
  /** All records and checkpoints as lines of JSON, to keep them or to verify them: `ogent audit verify --file`. */
  export(options?: CallOptions): AsyncIterable<Uint8Array>
  /** The signed heads of the chains, the newest first, 1,000 at most. */
  checkpoints(options?: CallOptions): Promise<AuditCheckpoints>
  /** What the connected agents have kept of the heads of chains. */
  witnesses(options?: CallOptions): Promise<AuditWitnesses>
}

export function auditMethods(
  { trpc, call }: Connection,
  fetched: (file: Fetched) => AsyncIterable<Uint8Array>,
): AuditMethods {
  const exported: AuditMethods['export'] = ({ signal } = {}) =>
    fetched({ path: 'audit/export', signal, site: new CallSite(exported) })
  return {
    list: (filter = {}, options) => call((each) => trpc.audit.list.query(filter, each), options),
    export: exported,
    checkpoints: (options) => call((each) => trpc.audit.checkpoints.query(undefined, each), options),
    witnesses: (options) => call((each) => trpc.audit.witnesses.query(undefined, each), options),
  }
}
