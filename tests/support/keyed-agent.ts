import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import {
  type AgentJoin,
  type CreatedJoinToken,
  joinProofText,
  parseJoinToken,
  rotationProofText,
} from '../../src/shared/access/join.js'
import type { Hello } from '../../src/shared/link/protocol.js'
import { info } from '../agent/link/loops.js'
import { RogueAgent } from './rogue-agent.js'
import { accounts } from './system.js'

export type Reply = { status: number; body: Record<string, unknown> }

/** A key as an agent has it. */
export class TestKey {
  readonly public_key: string
  readonly #private: KeyObject

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    this.public_key = String(publicKey.export({ format: 'jwk' }).x)
    this.#private = privateKey
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#private).toString('base64url')
  }

  jwt(header: object, claims: object): string {
    const text = [header, claims].map((part) => encoded(part)).join('.')
    return `${text}.${this.sign(text)}`
  }
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

export const nonce = () => randomBytes(18).toString('base64url')
export const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

/** The body of a request to join, as an agent makes it. */
export function joinRequest(
  token: string,
  key: TestKey,
  more: Partial<Pick<AgentJoin, 'agent_id' | 'fingerprint'>> = {},
  proven: { nonce?: string; expires_at?: number; audience?: string } = {},
): AgentJoin {
  const { token_id = '', installation = '' } = parseJoinToken(token) ?? {}
  const { public_key } = key
  const said = {
    audience: `ogent:${installation}:agents`,
    nonce: nonce(),
    expires_at: inSeconds(50),
    ...proven,
  }
  const text = joinProofText({ ...said, token_id, public_key, ...more })
  const proof = { nonce: said.nonce, expires_at: said.expires_at, signature: key.sign(text) }
  return { token, public_key, proof, info, ...more }
}

/** An agent that its test plays: the identity that it got, and its key. */
export class KeyedAgent {
  constructor(
    readonly url: string,
    public key: TestKey,
    readonly joined: { agent_id: string; identity_id: string; kid: string; audience: string },
    public fingerprint: string | undefined,
  ) {}

  static async join(
    url: string,
    token: string,
    more: Partial<Pick<AgentJoin, 'agent_id' | 'fingerprint'>> = {},
  ): Promise<KeyedAgent> {
    const key = new TestKey()
    const { status, body } = await post(url, '/agents/join', joinRequest(token, key, more))
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
    // As the schema of the reply has it.
    return new KeyedAgent(url, key, body as KeyedAgent['joined'], more.fingerprint)
  }

  get agent_id(): string {
    return this.joined.agent_id
  }

  assertion(
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    key = this.key,
  ): string {
    const { agent_id, kid, audience } = this.joined
    return key.jwt(
      { alg: 'EdDSA', typ: 'ogent-agent-assertion', kid, ...header },
      {
        iss: agent_id,
        sub: agent_id,
        aud: audience,
        iat: inSeconds(0),
        exp: inSeconds(50),
        jti: nonce(),
        ...(this.fingerprint === undefined ? {} : { fpr: this.fingerprint }),
        ...claims,
      },
    )
  }

  tokenReply(url = this.url, assertion = this.assertion()): Promise<Reply> {
    return post(url, '/agents/token', { assertion })
  }

  async token(url = this.url): Promise<string> {
    const { status, body } = await this.tokenReply(url)
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
    return String(body.access_token)
  }

  /** The body of a request that brings a new key. */
  rotation(next: TestKey, kid: string, by = next) {
    const said = { audience: this.joined.audience, nonce: nonce(), expires_at: inSeconds(50) }
    const { public_key } = next
    const text = rotationProofText({ ...said, public_key, identity_id: this.joined.identity_id })
    const proof = { nonce: said.nonce, expires_at: said.expires_at, signature: by.sign(text) }
    return { assertion: this.assertion({ new_kid: kid }), new_key: { public_key, proof } }
  }

  async connect(hello: Partial<Hello> = {}, url = this.url): Promise<RogueAgent> {
    const given = { protocol_max: 2, ...hello }
    return RogueAgent.connect(url, this.agent_id, given, await this.token(url))
  }
}

export async function post(url: string, path: string, body: unknown): Promise<Reply> {
  return replyOf(
    await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  )
}

const logins = new Map<string, Promise<string>>()

/** A REST call with a role's token, by any method. */
export async function callWith(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  role: keyof typeof accounts = 'admin',
): Promise<Reply> {
  const login = `${url} ${role}`
  const token = logins.get(login) ?? loginOf(url, role)
  logins.set(login, token)
  const headers = {
    authorization: `Bearer ${await token}`,
    // A command is not waited for.
    prefer: 'respond-async',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  return replyOf(await fetch(`${url}${path}`, init))
}

/** A join token, made by an admin. */
export async function makeJoinToken(url: string, request: object = {}): Promise<CreatedJoinToken> {
  const { status, body } = await callWith(url, 'POST', '/join-tokens', request)
  if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body as unknown as CreatedJoinToken
}

async function loginOf(url: string, role: keyof typeof accounts): Promise<string> {
  const { username, password } = accounts[role]
  const reply = await fetch(`${url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ username, password }),
  })
  return ((await reply.json()) as { access_token: string }).access_token
}

async function replyOf(reply: Response): Promise<Reply> {
  const text = await reply.text()
  return { status: reply.status, body: text === '' ? {} : (JSON.parse(text) as Reply['body']) }
}
