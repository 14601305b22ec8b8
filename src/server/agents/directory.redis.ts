import type { Identity } from '../../shared/access/identity.js'
import type { Agent } from '../../shared/agents/agent.js'
import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import { agentsChannel, fleetKeys, inboxChannel } from '../storage/redis/keys.js'
import { texts } from '../storage/redis/replies.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import { UNSYNCED_MS } from '../storage/redis/unsynced.js'
import type { Log } from '../telemetry/ports.js'
import type { Fleet, InboxWord, Kept } from './fleet.js'
import {
  attendedScript,
  forgetScript,
  inboxScript,
  keepScript,
  leaveScript,
  orphansScript,
  releaseScript,
  takeScript,
  updateScript,
} from './fleet-scripts.redis.js'
import type { KnownAgent } from './store.js'

const DAY_MS = 24 * 3600 * 1000
/** An inbox is read within moments; what nobody reads is in the index of open commands as well. */
const INBOX_MS = DAY_MS
/** A command lives for a week at most, and somewhat longer where its agent was away. */
const ATTEND_MS = 9 * DAY_MS
type ChangeListener = Parameters<Fleet['onChange']>[0]

type Said = Omit<KnownAgent, 'owner'>

/** The agents of all controllers, in Redis. */
export class RedisFleet implements Fleet {
  /** This controller, as the others know it. */
  readonly #me = newId()
  readonly #redis: RedisServer
  readonly #log: Log
  /** The change that was heard of last. */
  #version = -1
  /** What was given back in the last seconds, by agent. */
  readonly #givenBack = new Map<string, { say: () => Promise<unknown>; at: number }>()
  readonly #attending = new Set<string>()

  constructor(redis: RedisServer, log: Log) {
    this.#redis = redis
    this.#log = log
    redis.onReady(() => void this.#sayAgain().catch((error) => this.#notSaid(error)))
  }

  async all(): Promise<KnownAgent[]> {
    // Read first: what changes meanwhile is heard of as a change.
    this.#version = Number(String((await this.#redis.call('get', fleetKeys.version)) ?? 0))
    const ids = texts(await this.#redis.call('hkeys', fleetKeys.known))
    const all: KnownAgent[] = []
    for (let at = 0; at < ids.length; at += 500) all.push(...(await this.find(ids.slice(at, at + 500))))
    return all
  }

  async put(known: KnownAgent): Promise<void> {
    const { agent } = known
    const args = [agentsChannel, agent.agent_id, agent.sid ?? '', rowOf(known)]
    await this.#redis.run(updateScript, [fleetKeys.keepers, fleetKeys.known, fleetKeys.version], args)
  }

  async forget(agent_id: string): Promise<boolean> {
    const keys = [fleetKeys.keepers, fleetKeys.known, fleetKeys.version, fleetKeys.owners]
    return (await this.#redis.run(forgetScript, keys, [fleetKeys.lease, agentsChannel, agent_id])) === 1
  }

  async find(agent_ids: string[]): Promise<KnownAgent[]> {
    if (agent_ids.length === 0) return []
    const [known, keepers, owners] = await Promise.all(
      [fleetKeys.known, fleetKeys.keepers, fleetKeys.owners].map(async (key) => {
        const reply = await this.#redis.call('hmget', key, ...agent_ids)
        return Array.isArray(reply) ? reply : []
      }),
    )
    const found: KnownAgent[] = []
    for (const [at] of agent_ids.entries()) {
      if (!known?.[at]) continue
      // Written by `take` and its like alone. What has a link is told by the keepers.
      const { machine, ...said } = JSON.parse(String(known[at])) as Agent & Pick<KnownAgent, 'machine'>
      const sid = keepers?.[at] ? (String(keepers[at]).split(' ')[1] ?? '-') : '-'
      const agent: Agent =
        sid === '-' ? { ...said, sid: null, status: 'disconnected' } : { ...said, sid, status: 'connected' }
      found.push({ agent, owner: String(owners?.[at] ?? ''), machine })
    }
    return found
  }

  onChange(listener: ChangeListener): () => void {
    let changed = new Set<string>()
    const look = async () => {
      const ids = [...changed]
      changed = new Set()
      if (ids.length === 0) return
      const found = await this.find(ids)
      const gone = new Set(ids)
      for (const { agent } of found) gone.delete(agent.agent_id)
      listener(found, [...gone])
    }
    const failed = (error: unknown) => this.#log.debug({ err: error }, 'agents were not looked up')
    return this.#redis.nudges.listen(agentsChannel, (word) => {
      const [version, agent_id] = word.split(' ')
      if (agent_id === undefined || Number(version) !== this.#version + 1) {
        this.#catchUp(listener).catch(failed)
        return
      }
      this.#version = Number(version)
      changed.add(agent_id)
      if (changed.size === 1) setImmediate(() => void look().catch(failed))
    })
  }

  async take(known: Said, instance_id: string, identity: Identity): Promise<string> {
    const { agent } = known
    const { agent_id } = agent
    const args = [
      fleetKeys.lease,
      agentsChannel,
      this.#me,
      agent_id,
      agent.sid ?? '-',
      instance_id,
      identity.username,
      identity.role === 'admin' ? '1' : '0',
      rowOf(known),
    ]
    const keys = [fleetKeys.keepers, fleetKeys.known, fleetKeys.version, fleetKeys.owners]
    this.#givenBack.delete(agent_id)
    const [said, owner] = texts(await this.#redis.run(takeScript, keys, args))
    if (said === 'forbidden')
      throw new OgentError('FORBIDDEN', `Agent ${agent_id} was registered by another account.`)
    if (said === 'taken') {
      throw new OgentError(
        'AGENT_ID_TAKEN',
        `Agent ${agent_id} is connected already, by another instance. Give each agent its own AGENT_ID.`,
      )
    }
    return owner ?? identity.username
  }

  async leave(known: KnownAgent, sid: string): Promise<boolean> {
    const args = [agentsChannel, this.#me, known.agent.agent_id, sid, rowOf(known)]
    const keys = [fleetKeys.keepers, fleetKeys.known, fleetKeys.version]
    const say = () => this.#redis.run(leaveScript, keys, args)
    const left = (await this.#redis.patiently(say)) === 1
    if (left) this.#remember(known.agent.agent_id, say)
    return left
  }

  keep(agent_id: string, known: KnownAgent | undefined): Promise<Kept> {
    return this.#keep(agent_id, known, '')
  }

  hand(agent_id: string, command_id: string): Promise<Kept> {
    return this.#redis.patiently(() => this.#keep(agent_id, undefined, command_id))
  }

  async keepsAway(agent_id: string): Promise<boolean> {
    const keeper = String(await this.#redis.call('hget', fleetKeys.keepers, agent_id))
    const [controller, sid] = keeper.split(' ')
    return controller === this.#me && sid === '-'
  }

  async release(agent_id: string): Promise<void> {
    const say = () => this.#redis.run(releaseScript, [fleetKeys.keepers], [this.#me, agent_id])
    if ((await say()) === 1) this.#remember(agent_id, say)
  }

  async orphans(agent_ids: string[]): Promise<string[]> {
    const args = [fleetKeys.lease, ...agent_ids]
    return texts(await this.#redis.run(orphansScript, [fleetKeys.keepers], args))
  }

  async inbox(agent_id: string): Promise<InboxWord[] | undefined> {
    const keys = [fleetKeys.keepers, fleetKeys.inbox(agent_id)]
    const reply = await this.#redis.run(inboxScript, keys, [this.#me, agent_id])
    if (reply === null) return undefined
    const flat = texts(reply)
    return flat.flatMap((id, at) => (at % 2 === 0 ? [{ id, command_id: flat[at + 1] ?? '' }] : []))
  }

  async clear(agent_id: string, ids: string[]): Promise<void> {
    await this.#redis.call('xdel', fleetKeys.inbox(agent_id), ...ids)
  }

  onInbox(agent_id: string, listener: (word: InboxWord | undefined) => void): () => void {
    return this.#redis.nudges.listen(inboxChannel(agent_id), (word) => {
      const [id = '', command_id] = word.split(' ')
      listener(command_id === undefined ? undefined : { id, command_id })
    })
  }

  async renew(ms: number): Promise<boolean> {
    const key = `${fleetKeys.lease}${this.#me}`
    if ((await this.#redis.call('pexpire', key, ms)) === 1) return true
    await this.#redis.call('set', key, '1', 'PX', ms)
    return false
  }

  async quit(): Promise<void> {
    await this.#redis.call('del', `${fleetKeys.lease}${this.#me}`)
  }

  async attend(command_id: string): Promise<void> {
    this.#attending.add(command_id)
    await this.#attend(command_id)
  }

  async unattend(command_id: string): Promise<void> {
    this.#attending.delete(command_id)
    await this.#redis.patiently(() => this.#redis.call('srem', fleetKeys.attendants(command_id), this.#me))
  }

  async attended(command_id: string): Promise<number> {
    const keys = [fleetKeys.attendants(command_id)]
    return Number(await this.#redis.run(attendedScript, keys, [fleetKeys.lease]))
  }

  async #attend(command_id: string): Promise<void> {
    const key = fleetKeys.attendants(command_id)
    await this.#redis.call('sadd', key, this.#me)
    await this.#redis.call('pexpire', key, ATTEND_MS)
  }

  /**
   * A Redis that was killed may have come back without what it acknowledged last. Giving back once more changes nothing
   * where it is another's by now; what was taken is found by the version of all agents, which is behind as well.
   */
  async #sayAgain(): Promise<void> {
    for (const { say } of [...this.#givenBack.values()]) await this.#redis.patiently(say)
    for (const command_id of [...this.#attending]) await this.#redis.patiently(() => this.#attend(command_id))
  }

  #remember(agent_id: string, say: () => Promise<unknown>): void {
    const at = performance.now()
    for (const [id, other] of this.#givenBack) if (other.at < at - UNSYNCED_MS) this.#givenBack.delete(id)
    this.#givenBack.set(agent_id, { say, at })
  }

  #notSaid(error: unknown): void {
    this.#log.debug({ err: error }, 'Redis was not told again of agents and subscribers')
  }

  async #keep(agent_id: string, known: KnownAgent | undefined, command_id: string): Promise<Kept> {
    const args = [
      fleetKeys.lease,
      agentsChannel,
      this.#me,
      agent_id,
      known ? rowOf(known) : '',
      command_id,
      inboxChannel(agent_id),
      INBOX_MS,
    ]
    const keys = [fleetKeys.keepers, fleetKeys.known, fleetKeys.version, fleetKeys.inbox(agent_id)]
    const [by, awayMs] = texts(await this.#redis.run(keepScript, keys, args))
    if (by === 'here' || by === 'new') this.#givenBack.delete(agent_id)
    return { by: by === 'here' || by === 'new' ? by : 'there', awayMs: Number(awayMs) }
  }

  /** A change was not heard of, or there may be some: all is read anew. */
  async #catchUp(listener: ChangeListener): Promise<void> {
    const version = Number(String((await this.#redis.call('get', fleetKeys.version)) ?? 0))
    if (version !== this.#version) listener(await this.all(), 'others')
  }
}

/** The row of an agent: what is shown of it, and what is not. Its owner has a row of its own. */
function rowOf({ agent, machine }: Said): string {
  return JSON.stringify({ ...agent, machine })
}
