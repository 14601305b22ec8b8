import { OgentError } from '../../shared/errors.js'
import type { Identity, LoginRequest, TokenReply } from '../../shared/identity.js'
import type { Log, Meters, Passwords, ProvenIdentity, Tokens, Users } from './ports.js'

/** Who may come in, and as whom. */
export class Login {
  readonly #users: Users
  readonly #passwords: Passwords
  readonly #tokens: Tokens
  readonly #log: Log
  readonly #meters: Meters

  constructor(ports: { users: Users; passwords: Passwords; tokens: Tokens; log: Log; meters: Meters }) {
    this.#users = ports.users
    this.#passwords = ports.passwords
    this.#tokens = ports.tokens
    this.#log = ports.log
    this.#meters = ports.meters
  }

  /** A token for a name and password; UNAUTHORIZED says the same for a wrong name as for a wrong password. */
  async login({ username, password }: LoginRequest): Promise<TokenReply> {
    const user = await this.#users.find(username)
    const right = await this.#passwords.verify(password, user?.password_hash)
    if (!user || !right) {
      this.#meters.loginFailed()
      this.#log.warn({ username }, 'login refused')
      throw new OgentError('UNAUTHORIZED', 'Incorrect username or password')
    }
    const identity: Identity = { username: user.username, role: user.role }
    return this.#tokens.issue(identity)
  }

  authenticate(token: string): Promise<ProvenIdentity> {
    return this.#tokens.verify(token)
  }
}
