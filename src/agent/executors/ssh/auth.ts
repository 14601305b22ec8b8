import { readFile } from 'node:fs/promises'
import type { AnyAuthMethod, AuthHandlerMiddleware, ParsedKey, Prompt } from 'ssh2'
import { messageOf } from '../../../shared/errors.js'
import { parsePrivateKey } from './private-key.js'
import { expandHome, type SshSettings } from './settings.js'

/** Proves who logs in: tries what is configured, in order, as far as the server takes it. */
export class Authentication {
  readonly #methods: AnyAuthMethod[]
  readonly #tried: string[] = []
  #taken: string[] = []

  private constructor(methods: AnyAuthMethod[]) {
    this.#methods = methods
  }

  /** Throws where the key file cannot be used. */
  static async of(settings: SshSettings): Promise<Authentication> {
    const { username, password, keyPath, keyPassphrase, agentSocket } = settings
    const methods: AnyAuthMethod[] = []
    if (keyPath !== undefined) {
      methods.push({ type: 'publickey', username, key: await readKey(expandHome(keyPath), keyPassphrase) })
    }
    if (agentSocket !== undefined) methods.push({ type: 'agent', username, agent: agentSocket })
    if (password !== undefined) {
      const prompt = answerWith(password)
      methods.push(
        { type: 'password', username, password },
        { type: 'keyboard-interactive', username, prompt },
      )
    }
    // The server answers it with what it takes, or lets in whom it asks nothing of.
    return new Authentication([{ type: 'none', username }, ...methods])
  }

  /** For ssh2, which asks it for the next thing to try. */
  readonly next: AuthHandlerMiddleware = (left, _partial, next) => {
    // Before the first answer of the server ssh2 gives null here, contrary to its types.
    const taken: string[] | null = left
    if (taken) this.#taken = taken
    // What it does not take now it may take next: of several steps each asks for its own.
    const at = this.#methods.findIndex(
      (method) => method.type === 'none' || !taken || taken.includes(wireName(method)),
    )
    const [method] = at < 0 ? [] : this.#methods.splice(at, 1)
    // `false` ends the attempt; the types know only of methods, ssh2's documentation of both.
    if (!method) return false
    if (method.type !== 'none') this.#tried.push(method.type)
    next(method)
    return undefined
  }

  /** What was tried and what the server would take, for the sentence about a failure. */
  get story(): string {
    const tried = this.#tried.length > 0 ? `tried ${this.#tried.join(', ')}` : 'nothing configured fits'
    return `${tried}; the server takes ${this.#taken.join(', ') || 'nothing'}`
  }
}

function wireName(method: AnyAuthMethod): string {
  return method.type === 'agent' ? 'publickey' : method.type
}

function answerWith(password: string) {
  return (
    _name: string,
    _text: string,
    _lang: string,
    prompts: Prompt[],
    finish: (answers: string[]) => void,
  ) =>
    // A prompt that shows what is typed does not ask for a secret.
    finish(prompts.map((prompt) => (prompt.echo ? '' : password)))
}

async function readKey(path: string, passphrase: string | undefined): Promise<ParsedKey> {
  let text: Buffer
  try {
    text = await readFile(path)
  } catch (cause) {
    throw new Error(`the key file ${path} cannot be read: ${messageOf(cause)}`)
  }
  try {
    return parsePrivateKey(text, passphrase)
  } catch (cause) {
    throw new Error(`the key file ${path} cannot be used: ${messageOf(cause)}`)
  }
}
