import { clusterKeys, mailChannel } from '../storage/redis/keys.js'
import { texts } from '../storage/redis/replies.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import type { RedisRepeats } from './repeats.redis.js'
import { acquireScript, mailScript, orphansScript, releaseScript } from './scripts.redis.js'
import type { Acquired, ClusterStore, Mail } from './store.js'

const DAY_MS = 24 * 3600 * 1000
/** A mailbox is read within moments; what stays unread is found by what is open in the store. */
const MAIL_MS = DAY_MS

export type RedisClusterOptions = {
  redis: RedisServer
  repeats: RedisRepeats
  /** This controller, as the others know it. */
  member: string
}

/** The owners of all controllers' keys, in Redis. */
export class RedisClusterStore implements ClusterStore {
  readonly #redis: RedisServer
  readonly #repeats: RedisRepeats
  readonly #member: string

  constructor({ redis, repeats, member }: RedisClusterOptions) {
    this.#redis = redis
    this.#repeats = repeats
    this.#member = member
  }

  async renew(ms: number): Promise<boolean> {
    const key = `${clusterKeys.lease}${this.#member}`
    if ((await this.#redis.call('pexpire', key, ms)) === 1) return true
    await this.#redis.call('set', key, '1', 'PX', ms)
    return false
  }

  async quit(): Promise<void> {
    await this.#redis.call('del', `${clusterKeys.lease}${this.#member}`)
  }

  acquire(key: string): Promise<Acquired> {
    return this.#acquire(key, '')
  }

  post(key: string, message: string): Promise<Acquired> {
    return this.#redis.patiently(() => this.#acquire(key, message))
  }

  async ownsIdle(key: string): Promise<boolean> {
    const owner = String(await this.#redis.call('hget', clusterKeys.owners, key))
    const [controller, link] = owner.split(' ')
    return controller === this.#member && link === '-'
  }

  async release(key: string): Promise<void> {
    const write = () => this.#redis.run(releaseScript, [clusterKeys.owners], [this.#member, key])
    if ((await write()) === 1) this.#repeats.remember(key, write)
  }

  async orphans(keys: string[]): Promise<string[]> {
    return texts(await this.#redis.run(orphansScript, [clusterKeys.owners], [clusterKeys.lease, ...keys]))
  }

  async mail(key: string): Promise<Mail[] | undefined> {
    const keys = [clusterKeys.owners, clusterKeys.mailbox(key)]
    const reply = await this.#redis.run(mailScript, keys, [this.#member, key])
    if (reply === null) return undefined
    const flat = texts(reply)
    return flat.flatMap((id, at) => (at % 2 === 0 ? [{ id, message: flat[at + 1] ?? '' }] : []))
  }

  async clear(key: string, ids: string[]): Promise<void> {
    await this.#redis.call('xdel', clusterKeys.mailbox(key), ...ids)
  }

  onMail(key: string, listener: (mail: Mail | undefined) => void): () => void {
    return this.#redis.notifications.listen(mailChannel(key), (text) => {
      const [id = '', message] = text.split(' ')
      listener(message === undefined ? undefined : { id, message })
    })
  }

  onReady(listener: () => void): void {
    this.#redis.onReady(listener)
  }

  async #acquire(key: string, message: string): Promise<Acquired> {
    const args = [clusterKeys.lease, this.#member, key, message, mailChannel(key), MAIL_MS]
    const keys = [clusterKeys.owners, clusterKeys.mailbox(key)]
    const [by, idleMs, wasInUse] = texts(await this.#redis.run(acquireScript, keys, args))
    if (by === 'here' || by === 'new') this.#repeats.forget(key)
    return {
      by: by === 'here' || by === 'new' ? by : 'there',
      idleMs: Number(idleMs),
      wasInUse: wasInUse === '1',
    }
  }
}
