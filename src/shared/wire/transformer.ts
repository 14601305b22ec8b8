import superjson from 'superjson'
import { isPlain } from './plain-transformer.js'

/** superjson, except that plain values (all of ours) skip its walk, and bytes are left as they are. */
export const transformer = {
  serialize(value: unknown): unknown {
    return isPlain(value) ? { json: value } : superjson.serialize(value)
  },
  // tRPC types both directions of a transformer by `any`; what comes out is parsed by each procedure's schema.
  deserialize(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const { json, meta } = value as { json?: unknown; meta?: unknown }
    // superjson checks what has meta by itself; without meta there is nothing to undo.
    return meta === undefined ? json : superjson.deserialize(value as never)
  },
}
