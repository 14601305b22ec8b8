import type { Subject } from '../../access/request.js'
import { type Accounts, principalOf } from './accounts.js'
import { subjectOf } from './policy/door.js'
import type { Subjects } from './policy/service.js'
import type { StoredUser } from './ports.js'

/** The accounts as a policy sees them; one that is locked has no rights. */
export function subjectsOf(accounts: Accounts): Subjects {
  return {
    find(id) {
      const user = accounts.find(id.slice(id.indexOf(':') + 1))
      return user && user.disabled_at === null && `${user.kind}:${user.username}` === id
        ? toSubject(user)
        : undefined
    },
    all: () =>
      accounts.all.filter(({ kind, disabled_at }) => kind === 'user' && disabled_at === null).map(toSubject),
  }
}

function toSubject(user: StoredUser): Subject {
  return subjectOf({ ...principalOf(user), via: 'password', session_id: '' })
}
