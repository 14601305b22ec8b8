import { LRUCache } from 'lru-cache'
import type { CommandEvent, RawCommandEvent } from '../../shared/commands/event.js'
import { toTextEvent, toWireEvent } from '../../shared/commands/event-text.js'
import type { Encoding, WireEncoding } from '../../shared/commands/request.js'

/** Events whose text is kept; subscribers that are live come within moments of each other. */
const KEPT = 32

const texts = new LRUCache<RawCommandEvent, Map<Encoding, CommandEvent>>({ max: KEPT })

/** A journal event for one subscriber: the same object for all who read it alike, so that it is encoded once. */
export function sharedWireEvent(event: RawCommandEvent, encoding: WireEncoding): CommandEvent {
  if (encoding === 'bytes') return toWireEvent(event, encoding)
  const known = texts.get(event)
  const text = known?.get(encoding)
  if (text) return text
  const made = toTextEvent(event, encoding)
  if (known) known.set(encoding, made)
  else texts.set(event, new Map([[encoding, made]]))
  return made
}
