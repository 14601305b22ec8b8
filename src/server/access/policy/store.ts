import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type AccessPolicy, policySchema } from '../../../shared/access/policy.js'

const rowSchema = z.object({
  policy: policySchema,
  /** Tells this state of the policy from others: a hash of it and of the moment. */
  etag: z.string(),
  /** When it was saved, as an RFC 3339 time. */
  saved_at: z.string(),
  /** The account that saved it. */
  saved_by: z.string(),
})

/** A policy as it is stored. */
export type StoredPolicy = z.infer<typeof rowSchema>

/** Where the policy is kept, one for all controllers of a store. */
export interface PolicyStore {
  /** Undefined where none was ever saved. Throws UNAVAILABLE. */
  read(): Promise<StoredPolicy | undefined>
  /**
   * Saves a policy in the place of the one with this tag; undefined: where there is none. False where another one is there.
   * Resolves once it is stored. Throws UNAVAILABLE.
   */
  replace(before: string | undefined, stored: StoredPolicy): Promise<boolean>
  /** Calls `listener` when another controller may have saved one, until the returned function is called. */
  onChange(listener: () => void): () => void
}

export function toStored(policy: AccessPolicy, saved_by: string): StoredPolicy {
  const saved_at = new Date().toISOString()
  const etag = createHash('sha256')
    .update(JSON.stringify([policy, saved_at]))
    .digest('base64url')
    .slice(0, 22)
  return { policy, etag, saved_at, saved_by }
}

/** A row of the store. Throws where it is none: a policy that cannot be read must not be taken for none. */
export function parseStored(row: unknown): StoredPolicy {
  const parsed = rowSchema.safeParse(row)
  if (parsed.success) return parsed.data
  throw new Error(`the stored policy cannot be read: ${z.prettifyError(parsed.error)}`)
}
