import { relayChannel } from '../storage/redis/keys.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import type { Log } from '../telemetry/ports.js'
import type { Listening, Relay } from './ports.js'
import { LocalRelay } from './relay.js'

export type RedisRelayOptions = {
  redis: RedisServer
  /** This controller, as the others know it: an id, of which all have the same length. */
  member: string
  log: Log
}

/** The relay of controllers that share a Redis, by PUBLISH. A message begins with the id of the controller that sent it. */
export class RedisRelay implements Relay {
  readonly #redis: RedisServer
  readonly #member: Buffer
  readonly #log: Log
  readonly #here = new LocalRelay()

  constructor({ redis, member, log }: RedisRelayOptions) {
    this.#redis = redis
    this.#member = Buffer.from(member)
    this.#log = log
  }

  send(address: string, message: Uint8Array): void {
    this.#here.send(address, message)
    const published = this.#redis.call(
      'publish',
      relayChannel(address),
      Buffer.concat([this.#member, message]),
    )
    published.catch((error) => this.#log.debug({ address, err: error }, 'a message was not relayed'))
  }

  listen(address: string, onMessage: (message: Uint8Array) => void): Listening {
    const here = this.#here.listen(address, onMessage)
    const own = this.#member
    const elsewhere = this.#redis.notifications.listenForBytes(relayChannel(address), (sent) => {
      // This controller's own messages went to its listeners when they were sent.
      if (!sent.subarray(0, own.length).equals(own)) onMessage(sent.subarray(own.length))
    })
    const close = () => {
      here.close()
      elsewhere.close()
    }
    return { opened: elsewhere.opened, close }
  }
}
