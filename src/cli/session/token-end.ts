import { z } from 'zod'

const claimsSchema = z.object({
  exp: z
    .number()
    .min(0)
    .max(Date.parse('9999-12-31T00:00:00Z') / 1000),
})

/** When a token ends, as it says itself; undefined where it does not. */
export function decodeJwtEnd(token: string): string | undefined {
  try {
    const claims = claimsSchema.safeParse(
      JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
    )
    return claims.success ? new Date(claims.data.exp * 1000).toISOString() : undefined
  } catch {
    return undefined
  }
}
