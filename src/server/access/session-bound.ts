import type { StoredSession } from './ports.js'
import { LISTED_SESSIONS } from './sessions.js'

/** A store that keeps more logins of one account than this drops some: not at each login. */
export const KEPT_SESSIONS = LISTED_SESSIONS + 100

/** Which logins of an account a store drops: those that have ended, and of the others all but the newest. */
export function droppedSessions(sessions: readonly StoredSession[], now: number): string[] {
  const live = sessions
    .filter(({ expires_at }) => expires_at > now)
    .sort((a, b) => b.created_at - a.created_at)
  const kept = new Set(live.slice(0, LISTED_SESSIONS).map(({ session_id }) => session_id))
  return sessions.map(({ session_id }) => session_id).filter((id) => !kept.has(id))
}
