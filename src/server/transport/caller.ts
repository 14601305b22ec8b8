import type { Identity } from '../../shared/access/identity.js'

/** An identity with what tells the password of its account from another one; absent where that is not known. */
export type StampedIdentity = Identity & { stamp?: string | undefined }

/** An identity as a token proves it; `expires_at` in ms since 1970. */
export type ProvenIdentity = StampedIdentity & { expires_at: number }
