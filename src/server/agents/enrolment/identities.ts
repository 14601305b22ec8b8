import { z } from 'zod'
import { Periodic } from '../../../shared/async/periodic.js'
import { messageOf, OgentError } from '../../../shared/errors.js'
import type { Log } from '../../telemetry/ports.js'
import type { AssignedFacts } from './facts.js'
import type { EnrolmentRows, RowChange } from './rows.js'

const keySchema = z.object({
  kid: z.string(),
  public_key: z.string(),
  since: z.string(),
  /** When it opens nothing any more: the key that followed it is in use. */
  retired_at: z.string().optional(),
})

const identitySchema = z.object({
  identity_id: z.string(),
  agent_id: z.string(),
  keys: z.array(keySchema),
  assigned_labels: z.record(z.string(), z.string()),
  /** Of the machine; absent where nothing tells it from others. */
  fingerprint: z.string().optional(),
  /** Of the machine that was refused last. */
  refused_fingerprint: z.string().optional(),
  /** Who made the join token. */
  joined_by: z.string(),
  join_token: z.string(),
  joined_at: z.string(),
  /** Keys that are older are to be replaced. */
  rotate_before: z.string().optional(),
  revoked_at: z.string().optional(),
})

/** An agent that has a key. The row of one that was revoked stays: its id is never given again. */
export type AgentIdentity = z.infer<typeof identitySchema>
export type AgentKey = z.infer<typeof keySchema>

const labelsRowSchema = z.record(z.string(), z.string())

/** How often all is read anew, in ms: a change that no channel has told. */
const READ_MS = 60_000
/** How often a change is tried anew that another one got in the way of. */
const TRIES = 20

/** The identities of agents and the labels that were assigned: all in memory, and as the store has them where it matters. */
export class Identities {
  readonly #rows: EnrolmentRows
  readonly #log: Log
  readonly #identities = new Map<string, AgentIdentity>()
  readonly #labels = new Map<string, Record<string, string>>()
  readonly #listeners = new Set<(agent_id: string) => void>()
  readonly #reads: Periodic
  readonly #unlisten: () => void

  constructor(rows: EnrolmentRows, log: Log) {
    this.#rows = rows
    this.#log = log
    const failed = (error: unknown) => log.debug({ err: error }, 'identities of agents were not read')
    this.#unlisten = rows.onChange((changed) => {
      if (changed?.table === 'tokens') return
      const read = changed ? this.#read(changed.table, changed.key) : this.load()
      read.catch(failed)
    })
    this.#reads = new Periodic({ everyMs: READ_MS, act: () => this.load(), onError: failed })
  }

  async load(): Promise<void> {
    const [identities, labels] = await Promise.all([this.#rows.all('identities'), this.#rows.all('labels')])
    for (const [agent_id, row] of identities) this.#learn(agent_id, row)
    for (const agent_id of this.#labels.keys())
      if (!labels.has(agent_id)) this.#learnLabels(agent_id, undefined)
    for (const [agent_id, row] of labels) this.#learnLabels(agent_id, row)
  }

  /** Of memory: within a second as any controller has changed it. */
  get(agent_id: string): AgentIdentity | undefined {
    return this.#identities.get(agent_id)
  }

  all(): Iterable<AgentIdentity> {
    return this.#identities.values()
  }

  /** As the store has it now. Throws UNAVAILABLE. */
  async current(agent_id: string): Promise<AgentIdentity | undefined> {
    return this.#learn(agent_id, await this.#rows.get('identities', agent_id))
  }

  /** What was assigned to an agent, of memory. */
  facts(agent_id: string): AssignedFacts {
    const identity = this.#identities.get(agent_id)
    if (!identity) return { labels: this.#labels.get(agent_id) ?? {}, identity: null, revoked: false }
    const { identity_id, joined_at, keys, join_token, assigned_labels, revoked_at } = identity
    const key_ids = keys.filter(isInUse).map(({ kid }) => kid)
    return {
      labels: revoked_at === undefined ? assigned_labels : {},
      identity: { identity_id, joined_at, key_ids, via: join_token },
      revoked: revoked_at !== undefined,
    }
  }

  /** Calls with each agent whose identity or labels have changed, until the returned function is called. */
  onChange(listener: (agent_id: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Changes the identity of an agent as the store has it; gives what became of it. `change` throws what refuses it, and gives
   * undefined for what is to stay.
   */
  async change(
    agent_id: string,
    change: (identity: AgentIdentity | undefined) => AgentIdentity | undefined,
    onWritten: (now: AgentIdentity) => void = () => {},
  ): Promise<AgentIdentity | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const from = await this.#rows.get('identities', agent_id)
      const before = from === undefined ? undefined : parseIdentity(from)
      const now = change(before)
      if (!now) return before
      const to = JSON.stringify(now)
      const row: RowChange = { table: 'identities', key: agent_id, from, to }
      if (await this.#rows.swap([row], () => onWritten(now))) {
        this.#learn(agent_id, to)
        return now
      }
    }
    throw tooManyChanges(agent_id)
  }

  /** The same for the labels of an agent that has no identity. */
  async changeLabels(
    agent_id: string,
    change: (labels: Record<string, string>) => Record<string, string>,
    onWritten: () => void = () => {},
  ): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const from = await this.#rows.get('labels', agent_id)
      const now = change(from === undefined ? {} : labelsRowSchema.parse(JSON.parse(from)))
      const to = Object.keys(now).length === 0 ? undefined : JSON.stringify(now)
      if (to === from && to === undefined) return onWritten()
      if (await this.#rows.swap([{ table: 'labels', key: agent_id, from, to }], onWritten)) {
        this.#learnLabels(agent_id, to)
        return
      }
    }
    throw tooManyChanges(agent_id)
  }

  /** Keeps what was written by another part of this controller. */
  learn(identity: AgentIdentity): void {
    this.#learn(identity.agent_id, JSON.stringify(identity))
  }

  close(): void {
    this.#reads.close()
    this.#unlisten()
  }

  async #read(table: 'identities' | 'labels', agent_id: string): Promise<void> {
    const row = await this.#rows.get(table, agent_id)
    if (table === 'labels') this.#learnLabels(agent_id, row)
    else this.#learn(agent_id, row)
  }

  #learn(agent_id: string, row: string | undefined): AgentIdentity | undefined {
    const held = this.#identities.get(agent_id)
    if (row === undefined) return held
    const identity = parseIdentity(row)
    if (held && JSON.stringify(held) === row) return held
    // A store that came back without its last writes must not bring a key back to life.
    if (held?.revoked_at !== undefined && identity.revoked_at === undefined) {
      if (held.identity_id === identity.identity_id) this.#revokeAgain(held, row)
      return held
    }
    this.#identities.set(agent_id, identity)
    this.#tell(agent_id)
    return identity
  }

  #revokeAgain(held: AgentIdentity, from: string): void {
    const { agent_id } = held
    const row: RowChange = { table: 'identities', key: agent_id, from, to: JSON.stringify(held) }
    this.#rows.swap([row]).catch((error) => {
      this.#log.warn({ agent_id, err: error }, 'an agent that was revoked could not be revoked again')
    })
  }

  #learnLabels(agent_id: string, row: string | undefined): void {
    const held = this.#labels.get(agent_id)
    if ((held && JSON.stringify(held)) === row) return
    if (row === undefined) this.#labels.delete(agent_id)
    else this.#labels.set(agent_id, labelsRowSchema.parse(JSON.parse(row)))
    this.#tell(agent_id)
  }

  #tell(agent_id: string): void {
    for (const listener of [...this.#listeners]) listener(agent_id)
  }
}

/** Whether a key opens something now. */
export function isInUse({ retired_at }: AgentKey): boolean {
  return retired_at === undefined || Date.parse(retired_at) > Date.now()
}

export function parseIdentity(row: string): AgentIdentity {
  try {
    return identitySchema.parse(JSON.parse(row))
  } catch (cause) {
    throw new OgentError('INTERNAL', `The identity of an agent cannot be read: ${messageOf(cause)}`, {
      cause,
    })
  }
}

function tooManyChanges(agent_id: string): OgentError {
  return new OgentError('UNAVAILABLE', `Agent ${agent_id} is being changed by others: try again soon.`)
}
