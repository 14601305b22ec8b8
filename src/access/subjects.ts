import type { AccessPolicy, Grant } from '../shared/access/policy.js'
import { builtIn, compileList, type GrantList, isBuiltIn } from './grants.js'
import type { Subject } from './request.js'

/** What a subject may do, as lists of grants: see `SubjectRights`. */

/** A list of grants, and until when the subject has it. */
export type Source = {
  list: GrantList
  /** Milliseconds since 1970, from then on the binding has ended. */
  until: number
}

/** The account's own grants, then one list for each that narrows them. A request has to be allowed by every one. */
export type RightsList = {
  /** As a sentence names it: `user:ann`, or `the token`. */
  owner: string
  sources: readonly Source[]
}

/** So many accounts keep their rights ready; further ones cost the time to gather them. */
const mostKept = 1024

/** Gathers the rights of subjects by roles and bindings, and keeps them for the accounts that were asked about last. */
export class SubjectRights {
  readonly #roles: ReadonlyMap<string, GrantList>
  readonly #bindings: ReadonlyMap<string, readonly { role: string; until: number }[]>
  readonly #kept = new Map<string, readonly Source[]>()
  readonly #narrowed = new WeakMap<readonly Grant[], RightsList>()

  constructor({ roles, bindings }: Pick<AccessPolicy, 'roles' | 'bindings'>) {
    const defined = Object.entries(roles).filter(([name]) => !isBuiltIn(name))
    this.#roles = new Map([
      ...defined.map(([name, grants]) => [name, compileList(name, grants)] as const),
      ...builtIn,
    ])
    const byAccount = new Map<string, { role: string; until: number }[]>()
    for (const { to, role, expires_at } of bindings) {
      const until = expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires_at)
      const own = byAccount.get(to)
      if (own) own.push({ role, until })
      else byAccount.set(to, [{ role, until }])
    }
    this.#bindings = byAccount
  }

  /** The lists that all have to allow a request of this subject. */
  of(subject: Subject): readonly RightsList[] {
    const own = { owner: subject.id, sources: this.#own(subject) }
    const narrowed = subject.narrowed ?? []
    return narrowed.length === 0 ? [own] : [own, ...narrowed.map((grants) => this.#narrowing(grants))]
  }

  #own(subject: Subject): readonly Source[] {
    const key = JSON.stringify([subject.id, subject.roles, subject.groups])
    const known = this.#kept.get(key)
    if (known) {
      // The map keeps the order of use: the first key is the one that was not asked about for the longest time.
      this.#kept.delete(key)
      this.#kept.set(key, known)
      return known
    }
    const made = this.#gather(subject)
    this.#kept.set(key, made)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > mostKept && oldest !== undefined) this.#kept.delete(oldest)
    return made
  }

  /** A role that is given twice ends with the later binding. */
  #gather({ id, roles, groups = [] }: Subject): readonly Source[] {
    const until = new Map<string, number>()
    const add = (role: string, end: number) => until.set(role, Math.max(until.get(role) ?? end, end))
    for (const role of roles) add(role, Number.POSITIVE_INFINITY)
    for (const account of [id, ...groups.map((group) => `group:${group}`)]) {
      for (const binding of this.#bindings.get(account) ?? []) add(binding.role, binding.until)
    }
    return [...until].flatMap(([role, end]) => {
      const list = this.#roles.get(role)
      return list ? [{ list, until: end }] : []
    })
  }

  #narrowing(grants: readonly Grant[]): RightsList {
    const known = this.#narrowed.get(grants)
    if (known) return known
    const sources = [{ list: compileList('token', grants), until: Number.POSITIVE_INFINITY }]
    const made = { owner: 'the token', sources }
    this.#narrowed.set(grants, made)
    return made
  }
}
