import type { Access } from '../../../shared/access/actions.js'

/** Every procedure names who may call it; one that does not is closed to all. */
export type Meta = { access: Access }
