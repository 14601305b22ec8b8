import { OgentError } from '../../shared/errors.js'
import { type Hello, linkProtocols } from '../../shared/link/protocol.js'

/** The newest protocol that an agent and this controller both speak. Throws BAD_REQUEST where there is none. */
export function chooseProtocol({
  protocol: oldest,
  protocol_max: newest = oldest,
}: Pick<Hello, 'protocol' | 'protocol_max'>): number {
  if (newest < oldest) {
    throw new OgentError('BAD_REQUEST', `protocol_max: got ${newest}, takes ${oldest} (protocol) or more`)
  }
  const chosen = Math.min(newest, linkProtocols.newest)
  if (chosen >= Math.max(oldest, linkProtocols.oldest)) return chosen
  const side = newest < linkProtocols.oldest ? 'agent' : 'controller'
  throw new OgentError(
    'BAD_REQUEST',
    `The agent speaks protocol ${range(oldest, newest)} of the link, this controller ${range(linkProtocols.oldest, linkProtocols.newest)}: update the ${side}.`,
  )
}

function range(oldest: number, newest: number): string {
  return oldest === newest ? String(oldest) : `${oldest} to ${newest}`
}
