import { createHmac } from 'node:crypto'
import { commandRequestSchema, type ParsedCommandRequest } from '../../shared/commands/request.js'

/** The fields that every request has when nothing is asked for but a command on an agent. */
const required = { agent_id: 'a', command: 'a' }
const defaults: Record<string, unknown> = commandRequestSchema.parse(required)

/** Characters of a hash that name its key. */
const KEY_NAME = 8

/**
 * Hashes everything in a request that decides what runs, so that the store can tell a repeated request from another
 * one with the same id without keeping stdin and env. Keyed, since both often hold secrets that could be guessed
 * from a plain hash.
 */
export class RequestHash {
  readonly #key: Buffer
  readonly #keyName: string

  /** `secret`: the controller's own. The key is derived from it, since it signs tokens too. */
  constructor(secret: string) {
    this.#key = createHmac('sha256', secret).update('ogent request hash').digest()
    this.#keyName = this.#mac('key').slice(0, KEY_NAME)
  }

  of(request: ParsedCommandRequest): string {
    // How the events are read, and how long this caller waits for the agent, may differ from one try to the next.
    const { command_id: _id, encoding: _encoding, deliver_within_seconds: _wait, ...decides } = request
    const fields = Object.entries(decides)
      // A default that a later version adds must not change the hash of a request that does not name the field.
      .filter(([name, value]) => value !== undefined && (name in required || value !== defaults[name]))
      .map(([name, value]) => [name, name === 'env' ? sortedPairs(request.env) : value])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
    return this.#keyName + this.#mac(JSON.stringify(fields))
  }

  /** Whether `of` would give this hash for the request; undefined for one that was made with another key. */
  matches(hash: string, request: ParsedCommandRequest): boolean | undefined {
    if (!hash.startsWith(this.#keyName)) return undefined
    return hash === this.of(request)
  }

  #mac(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('hex')
  }
}

function sortedPairs(env: Record<string, string> = {}): [string, string][] {
  return Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))
}
