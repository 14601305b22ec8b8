import { newId } from '../../../shared/id.js'
import { createdChannel } from '../../storage/redis/keys.js'
import type { RedisServer } from '../../storage/redis/server.redis.js'
import type { CreatedWatch, OpenId } from '../port.js'

/** What controllers tell each other of new commands. A word that is lost shows less to a feed, and nothing that is wrong. */
export class NewCommands {
  readonly #redis: RedisServer
  /** Tells what this controller says from what others say. */
  readonly #self = newId()

  constructor(redis: RedisServer) {
    this.#redis = redis
  }

  tell({ agent_id, command_id }: OpenId): void {
    this.#redis.call('publish', createdChannel, `${this.#self} ${agent_id} ${command_id}`).catch(() => {})
  }

  watch(onCreated: (command: OpenId) => void): CreatedWatch {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const close = this.#redis.notifications.listen(createdChannel, (word) => {
      // Said when the channel is open, and again and again: there is nothing to look up.
      if (word === '') return open()
      // Ids have no blanks.
      const [self, agent_id, command_id] = word.split(' ')
      if (self !== this.#self && agent_id && command_id) onCreated({ agent_id, command_id })
    })
    return { opened, close }
  }
}
