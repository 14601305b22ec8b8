import * as z from 'zod'

const signatureFields = {
  /** Names the key: the hash of its public part. */
  kid: z.string().max(64),
  /** The signature, in base64url. */
  value: z.string().max(128),
}
/** The schema of `OrderSignature`. */
export const orderSignatureSchema = z.object(signatureFields)
/** The signature of an order, and by which key. */
export interface OrderSignature extends z.infer<z.ZodObject<typeof signatureFields>> {}
