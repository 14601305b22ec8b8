/** A reply that is a list of texts. */
export function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
