import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { SettingsError } from '../../host/settings.js'
import { writeWholeFile } from '../../host/whole-file.js'
import { orderKeySchema } from '../../shared/access/join.js'
import { messageOf, systemCode } from '../../shared/errors.js'

export const KEY_FILE = 'agent-key.json'

const identitySchema = z.object({
  agent_id: z.string(),
  identity_id: z.string(),
  audience: z.string(),
  /** The keys by which its controllers sign orders, as they were told at the join and with the newest token. */
  order_keys: z.array(orderKeySchema),
})

const stateSchema = z.object({
  /** The private key, PKCS8 as base64url. */
  secret: z.string(),
  /** One that is to follow it, which is kept before it is sent. */
  next_secret: z.string().optional(),
  /** The id of the join token by which this key joins, or has joined. */
  join_token: z.string().optional(),
  /** Absent until it has joined. */
  identity: identitySchema.optional(),
  /** The certificate that the join token named, PEM; kept where nothing else vouches for the controller. */
  pinned: z.string().optional(),
})

/** What an agent with a key keeps. */
export type KeyState = z.infer<typeof stateSchema>

/** The file with the key of an agent, in its state folder, for its user alone (0600). */
export class KeyFile {
  readonly path: string

  constructor(folder: string) {
    this.path = join(folder, KEY_FILE)
  }

  /** Undefined where there is none. Throws SettingsError for one that cannot be read: a new key would be another agent. */
  read(): KeyState | undefined {
    try {
      return stateSchema.parse(JSON.parse(readFileSync(this.path, 'utf8')))
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return undefined
      // What zod and JSON.parse say of a file may quote it.
      const why = systemCode(cause) === undefined ? 'it is damaged' : messageOf(cause)
      throw new SettingsError(
        `AGENT_STATE_DIR: the key of this agent in ${this.path} cannot be read: ${why}. Put it back, or remove it and join anew by a join token.`,
      )
    }
  }

  write(state: KeyState): void {
    writeWholeFile(this.path, `${JSON.stringify(state)}\n`)
  }
}
