import type { Agent } from '../../shared/agents/agent.js'
import { OgentError } from '../../shared/errors.js'
import type { RedisRepeats } from '../cluster/repeats.redis.js'
import { agentKeys, agentsChannel, clusterKeys } from '../storage/redis/keys.js'
import { texts } from '../storage/redis/replies.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import type { Log } from '../telemetry/ports.js'
import type { Actor } from '../transport/caller.js'
import { ownerOf, passesOwner } from './claim.js'
import type { AgentDirectory } from './directory.js'
import { forgetScript, leaveScript, takeScript, updateScript } from './directory-scripts.redis.js'
import type { KnownAgent } from './store.js'

type ChangeListener = Parameters<AgentDirectory['onChange']>[0]

/** Agents that are read at a time. */
const PAGE = 500

export type RedisDirectoryOptions = {
  redis: RedisServer
  repeats: RedisRepeats
  /** This controller, as the others know it. */
  member: string
  log: Log
}

/** The agents of all controllers, in Redis. */
export class RedisDirectory implements AgentDirectory {
  readonly #redis: RedisServer
  readonly #repeats: RedisRepeats
  readonly #member: string
  readonly #log: Log
  /** The change that was heard of last. */
  #version = -1

  constructor({ redis, repeats, member, log }: RedisDirectoryOptions) {
    this.#redis = redis
    this.#repeats = repeats
    this.#member = member
    this.#log = log
  }

  async all(): Promise<KnownAgent[]> {
    // Read first: what changes meanwhile is heard of as a change.
    this.#version = await this.#readVersion()
    const ids = texts(await this.#redis.call('hkeys', agentKeys.known))
    const all: KnownAgent[] = []
    for (let at = 0; at < ids.length; at += PAGE) all.push(...(await this.find(ids.slice(at, at + PAGE))))
    return all
  }

  async find(agent_ids: string[]): Promise<KnownAgent[]> {
    if (agent_ids.length === 0) return []
    const [known, owners, accounts] = await Promise.all(
      [agentKeys.known, clusterKeys.owners, agentKeys.accounts].map(async (key) => {
        const reply = await this.#redis.call('hmget', key, ...agent_ids)
        return Array.isArray(reply) ? reply : []
      }),
    )
    const found: KnownAgent[] = []
    for (const [at] of agent_ids.entries()) {
      if (!known?.[at]) continue
      // Written by `take` and its like alone. The owners say which agent has a link.
      const { machine, ...said } = JSON.parse(String(known[at])) as Agent & Pick<KnownAgent, 'machine'>
      const sid = owners?.[at] ? (String(owners[at]).split(' ')[1] ?? '-') : '-'
      const agent: Agent =
        sid === '-' ? { ...said, sid: null, status: 'disconnected' } : { ...said, sid, status: 'connected' }
      found.push({ agent, owner: String(accounts?.[at] ?? ''), machine })
    }
    return found
  }

  onChange(listener: ChangeListener): () => void {
    let changed = new Set<string>()
    const read = async () => {
      const ids = [...changed]
      changed = new Set()
      if (ids.length === 0) return
      const found = await this.find(ids)
      const gone = new Set(ids)
      for (const { agent } of found) gone.delete(agent.agent_id)
      listener(found, [...gone])
    }
    const failed = (error: unknown) => this.#log.debug({ err: error }, 'agents were not looked up')
    return this.#redis.notifications.listen(agentsChannel, (text) => {
      const [version, agent_id] = text.split(' ')
      if (agent_id === undefined || Number(version) !== this.#version + 1) {
        this.#catchUp(listener).catch(failed)
        return
      }
      this.#version = Number(version)
      changed.add(agent_id)
      if (changed.size === 1) setImmediate(() => void read().catch(failed))
    })
  }

  async take(known: KnownAgent, instance_id: string, identity: Actor): Promise<string> {
    const { agent } = known
    const { agent_id } = agent
    const args = [
      clusterKeys.lease,
      agentsChannel,
      this.#member,
      agent_id,
      agent.sid ?? '-',
      instance_id,
      ownerOf(identity),
      passesOwner(identity) ? '1' : '0',
      rowOf(known),
    ]
    const keys = [clusterKeys.owners, agentKeys.known, agentKeys.version, agentKeys.accounts]
    this.#repeats.forget(agent_id)
    const [said, owner] = texts(await this.#redis.run(takeScript, keys, args))
    if (said === 'forbidden')
      throw new OgentError('FORBIDDEN', `Agent ${agent_id} was registered by another account.`)
    if (said === 'taken') {
      throw new OgentError(
        'AGENT_ID_TAKEN',
        `Agent ${agent_id} is connected already, by another instance. Give each agent its own AGENT_ID.`,
      )
    }
    return owner ?? ownerOf(identity)
  }

  async leave(known: KnownAgent, sid: string): Promise<boolean> {
    const args = [agentsChannel, this.#member, known.agent.agent_id, sid, rowOf(known)]
    const keys = [clusterKeys.owners, agentKeys.known, agentKeys.version]
    const write = () => this.#redis.run(leaveScript, keys, args)
    const left = (await this.#redis.patiently(write)) === 1
    if (left) this.#repeats.remember(known.agent.agent_id, write)
    return left
  }

  update(known: KnownAgent): void {
    const { agent } = known
    const { agent_id } = agent
    const args = [agentsChannel, agent_id, agent.sid ?? '-', rowOf(known)]
    const keys = [clusterKeys.owners, agentKeys.known, agentKeys.version]
    this.#redis.run(updateScript, keys, args).catch((error) => {
      this.#log.warn({ agent_id, err: error }, 'an agent could not be remembered')
    })
  }

  async forget(agent_id: string): Promise<boolean> {
    const keys = [clusterKeys.owners, agentKeys.known, agentKeys.version, agentKeys.accounts]
    return (await this.#redis.run(forgetScript, keys, [clusterKeys.lease, agentsChannel, agent_id])) === 1
  }

  async #readVersion(): Promise<number> {
    return Number(String((await this.#redis.call('get', agentKeys.version)) ?? 0))
  }

  /** A change was not heard of, or there may be some: all is read anew. */
  async #catchUp(listener: ChangeListener): Promise<void> {
    if ((await this.#readVersion()) !== this.#version) listener(await this.all(), 'others')
  }
}

/** The row of an agent: what is shown of it, and what is not. Its account has a row of its own. */
function rowOf({ agent, machine }: KnownAgent): string {
  return JSON.stringify({ ...agent, machine })
}
