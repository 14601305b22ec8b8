import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeWholeFile } from '../../host/whole-file.js'
import { idSchema } from '../../shared/commands/request.js'
import { systemCode } from '../../shared/errors.js'

/** The agent's own id, as the controller issued it at the first registration. */
export class IdentityFile {
  readonly #file: string

  constructor(folder: string) {
    this.#file = join(folder, 'agent-id')
  }

  /** `warn` hears why an id that is kept cannot be used: the controller issues another one. */
  read(warn: (sentence: string) => void): string | undefined {
    let text: string
    try {
      text = readFileSync(this.#file, 'utf8').trim()
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
    const id = idSchema.safeParse(text)
    if (id.success) return id.data
    warn(`${this.#file} does not hold an agent id: this agent registers as a new one`)
    return undefined
  }

  write(agent_id: string): void {
    writeWholeFile(this.#file, `${agent_id}\n`)
  }
}
