import { LRUCache } from 'lru-cache'
import { newId } from '../../../shared/id.js'
import { createdChannel } from '../../storage/redis/keys.js'
import type { RedisServer } from '../../storage/redis/server.redis.js'
import type { Log } from '../../telemetry/ports.js'
import type { CreatedWatch, OpenId } from '../port.js'
import type { RedisJournalIndex } from './index.redis.js'

/** How far back is looked for what was not heard of, in ms: clocks of controllers differ, and a connection may have been away. */
const BACK_MS = 30_000
/** A word is on its way for less, in ms: what is younger is left for the next look, since it may not be made yet. */
const SETTLED_MS = 2000
/** Commands that are read in one step of that. */
const STEP = 500
/** Commands that a watch remembers to have seen. */
const REMEMBERED = 20_000

/** What controllers tell each other of new commands. A word that is lost is made up for by a look at the newest, every few seconds. */
export class NewCommands {
  readonly #redis: RedisServer
  readonly #index: RedisJournalIndex
  readonly #log: Log
  /** Tells what this controller says from what others say. */
  readonly #self = newId()
  /** What was made here, which needs no word. */
  readonly #own = seenCommands()

  constructor(redis: RedisServer, index: RedisJournalIndex, log: Log) {
    this.#redis = redis
    this.#index = index
    this.#log = log
  }

  tell({ agent_id, command_id }: OpenId): void {
    this.#own.set(command_id, true)
    this.#redis.call('publish', createdChannel, `${this.#self} ${agent_id} ${command_id}`).catch(() => {})
  }

  watch(onCreated: (command: OpenId) => void): CreatedWatch {
    const told = seenCommands()
    /** What was there before the watch, which is not new. */
    let before: ReadonlySet<string> | undefined
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    let looking = Promise.resolve()
    const failed = (error: unknown) => this.#log.debug({ err: error }, 'new commands were not looked for')
    const tell = (command: OpenId) => {
      if (told.has(command.command_id)) return
      told.set(command.command_id, true)
      onCreated(command)
    }
    const look = async () => {
      if (!before) {
        const there = await this.#newest(0, () => false)
        before = new Set(there.map(({ command_id }) => command_id))
        return
      }
      const known = [told, this.#own, before]
      const isKnown = (id: string) => known.some((ids) => ids.has(id))
      for (const command of await this.#newest(SETTLED_MS, isKnown)) tell(command)
    }
    const close = this.#redis.notifications.listen(createdChannel, (word) => {
      if (word === '') {
        looking = looking.then(look).then(open, failed)
        return
      }
      // Ids have no blanks.
      const [self, agent_id, command_id] = word.split(' ')
      if (self !== this.#self && agent_id && command_id) tell({ agent_id, command_id })
    })
    return { opened, close }
  }

  /** Those older than this that are not known, the oldest first. A step in which all are known is the last that is read. */
  async #newest(ageMs: number, isKnown: (command_id: string) => boolean): Promise<OpenId[]> {
    const found: OpenId[] = []
    const now = Date.now()
    const range = { since: now - BACK_MS, until: now - ageMs + 1 }
    for await (const rows of this.#index.newestFirst(undefined, range, STEP)) {
      const news = rows.filter(({ id }) => !isKnown(id))
      found.push(...news.map(({ id, agent_id }) => ({ command_id: id, agent_id })))
      if (news.length === 0 || found.length >= REMEMBERED) break
    }
    return found.reverse()
  }
}

function seenCommands(): LRUCache<string, true> {
  return new LRUCache({ max: REMEMBERED })
}
