import type { Database } from 'lmdb'
import type { LmdbFolder } from '../storage/folder.lmdb.js'
import type { TokenUse, TokenUses } from './ports.js'

/** When API tokens were last used, of the one controller that has this folder. */
export class LmdbTokenUses implements TokenUses {
  readonly #folder: LmdbFolder
  readonly #uses: Database<TokenUse, string>

  constructor(folder: LmdbFolder) {
    this.#folder = folder
    this.#uses = folder.root.openDB({ name: 'token-uses' })
  }

  note(token_id: string, use: TokenUse): Promise<void> {
    return this.#folder.write(() => [this.#uses.put(token_id, use)])
  }

  async of(token_ids: readonly string[]): Promise<Map<string, TokenUse>> {
    const found = new Map<string, TokenUse>()
    for (const token_id of token_ids) {
      const use = this.#uses.get(token_id)
      if (use) found.set(token_id, use)
    }
    return found
  }

  remove(token_ids: readonly string[]): Promise<void> {
    return this.#folder.write(() => token_ids.map((token_id) => this.#uses.remove(token_id)))
  }
}
