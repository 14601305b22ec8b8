import * as z from 'zod'
import { agentInfoSchema, labelNameSchema, labelsSchema } from '../agents/agent.js'
import { idSchema } from '../commands/request.js'
import { ULID_DIGITS } from '../id.js'

/** How machines join: join tokens, keys of agents, and what agents prove with them. */

/** How long a join token lives unless its creator says it, and at most, in seconds. */
export const JOIN_TOKEN_SECONDS = { usual: 3600, most: 30 * 24 * 3600 } as const

/** An Ed25519 public key: its 32 bytes as base64url. */
const publicKeySchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'takes the 32 bytes of an Ed25519 public key as base64url')

const signatureSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{86}$/, 'takes the 64 bytes of an Ed25519 signature as base64url')

const fingerprintSchema = z.string().regex(/^[0-9a-f]{64}$/, 'takes a SHA-256 in hex')

const nonceSchema = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/, 'takes 16 to 64 letters, digits, _ and -')

/** An id, or a part of one with `*` for any letters. */
const agentIdGlobSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9*][A-Za-z0-9._:*-]{0,127}$/,
    'takes an agent id, in which * means any letters, such as web-*',
  )

const joinTokenRequestFields = {
  /** Labels that the agents get, which policies see; none. */
  labels: labelsSchema.default({}).describe('Labels that the agents get, which policies see.'),
  /** Machines that may join by it, 1 to 10,000; null for any number; 1. */
  uses: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .nullable()
    .default(1)
    .describe('Machines that may join by it; null for any number.'),
  /** How long it may be used, in seconds, up to 30 days; 1 hour. */
  expires_in_seconds: z
    .number()
    .int()
    .min(1)
    .max(JOIN_TOKEN_SECONDS.most)
    .default(JOIN_TOKEN_SECONDS.usual)
    .describe('How long it may be used, in seconds, up to 30 days.'),
  /** Ids that agents may have: one, or several with `*` for any letters; any that is free. */
  agent_id: agentIdGlobSchema
    .optional()
    .describe('Ids that agents may have, with `*` for any letters; without it, any that is free.'),
}
/** The schema of `JoinTokenRequest`. */
export const joinTokenRequestSchema = z.object(joinTokenRequestFields)
/** What a join token is made with. */
export interface JoinTokenRequest extends z.input<z.ZodObject<typeof joinTokenRequestFields>> {}
export type ParsedJoinTokenRequest = z.output<typeof joinTokenRequestSchema>

const joinUseFields = {
  /** The key of the agent. */
  public_key: publicKeySchema.describe('The public key of the agent.'),
  /** The id that the agent got. */
  agent_id: z.string().describe('The id that the agent got.'),
  /** When it joined, as an RFC 3339 time. */
  at: z.string().describe('When it joined, as an RFC 3339 time.'),
}
/** The schema of `JoinUse`. */
const joinUseSchema = z.object(joinUseFields)
/** One use of a join token. */
export interface JoinUse extends z.infer<z.ZodObject<typeof joinUseFields>> {}

const joinTokenFields = {
  /** The id of the token, which is no secret. */
  token_id: z.string().describe('The id of the token, which is no secret.'),
  /** Machines that may join by it; null for any number. */
  uses: z.number().int().nullable().describe('Machines that may join by it; null for any number.'),
  /** Machines that have joined by it. */
  used_count: z.number().int().describe('Machines that have joined by it.'),
  /** The newest of them, 100 at most. */
  used: z.array(joinUseSchema).describe('The newest of them, 100 at most.'),
  /** When it ends, as an RFC 3339 time. */
  expires_at: z.string().describe('When it ends, as an RFC 3339 time.'),
  /** Labels that its agents get. */
  labels: labelsSchema.describe('Labels that its agents get.'),
  /** Ids that its agents may have; null for any that is free. */
  agent_id: z.string().nullable().describe('Ids that its agents may have; null for any that is free.'),
  /** The account that made it. */
  created_by: z.string().describe('The account that made it.'),
  /** When it was made, as an RFC 3339 time. */
  created_at: z.string().describe('When it was made, as an RFC 3339 time.'),
}
/** The schema of `JoinToken`. */
export const joinTokenSchema = z.object(joinTokenFields)
/** A join token as lists show it, without its secret. */
export interface JoinToken extends z.infer<z.ZodObject<typeof joinTokenFields>> {
  /** The newest uses of it, 100 at most. */
  used: JoinUse[]
}

const createdJoinTokenFields = {
  ...joinTokenFields,
  /** The token itself, which is shown this once. */
  token: z.string().describe('The token itself, which is shown this once.'),
}
/** The schema of `CreatedJoinToken`. */
export const createdJoinTokenSchema = z.object(createdJoinTokenFields)
/** A join token that was just made. */
export interface CreatedJoinToken extends JoinToken {
  /** The token itself, which is shown this once. */
  token: string
}

const proofFields = {
  /** Used once. */
  nonce: nonceSchema.describe('Used once.'),
  /** When the proof ends, in seconds since 1970: within a minute. */
  expires_at: z.number().int().describe('When the proof ends, in seconds since 1970: within a minute.'),
  /** By the key that is proven, over `joinProofText` or `rotationProofText`. */
  signature: signatureSchema.describe('By the key that is proven, as base64url.'),
}
/** Shows that the sender of a public key has its private part. */
export const keyProofSchema = z.object(proofFields)
export type KeyProof = z.infer<typeof keyProofSchema>

/** How an agent joins. */
export const agentJoinSchema = z.object({
  token: z.string().min(1).max(512).describe('The join token.'),
  public_key: publicKeySchema.describe(
    'The key that the agent has made: an Ed25519 public key as base64url.',
  ),
  proof: keyProofSchema.describe('That the agent has the private part of the key.'),
  info: agentInfoSchema.describe('What the agent says of its machine and of itself.'),
  fingerprint: fingerprintSchema
    .optional()
    .describe('SHA-256 of what tells its machine from others; absent where nothing does, as in containers.'),
  agent_id: idSchema
    .optional()
    .describe('The id that the agent asks for; absent: the controller issues one.'),
})
export type AgentJoin = z.infer<typeof agentJoinSchema>

/** A key that signs orders. */
export const orderKeySchema = z.object({
  kid: z.string().max(128).describe('The id of the key.'),
  public_key: publicKeySchema.describe('The Ed25519 public key as base64url.'),
})
export type OrderKey = z.infer<typeof orderKeySchema>

/** How the controller answers an agent that has joined. */
export const agentJoinReplySchema = z.object({
  agent_id: idSchema.describe('The id of the agent.'),
  identity_id: z.string().max(64).describe('The id of its identity, which is never given again.'),
  kid: z.string().max(128).describe('The id of its key.'),
  assigned_labels: labelsSchema.describe('The labels that the join token gave it.'),
  audience: z.string().max(256).describe('The installation, for which the agent signs from now on.'),
  order_keys: z.array(orderKeySchema).max(8).describe('Keys by which this controller signs orders.'),
  joined_at: z.string().describe('When it joined, as an RFC 3339 time.'),
  server_time: z.number().describe("The controller's clock, in ms since 1970."),
})
export type AgentJoinReply = z.infer<typeof agentJoinReplySchema>

/** How an agent with a key asks for a token. */
export const agentTokenRequestSchema = z.object({
  assertion: z
    .string()
    .min(1)
    .max(4096)
    .describe('A JWT (EdDSA, typ `ogent-agent-assertion`) that the key of the agent has signed.'),
  new_key: z
    .object({
      public_key: publicKeySchema.describe('The Ed25519 public key as base64url.'),
      proof: keyProofSchema.describe("That the new key is the agent's own."),
    })
    .optional()
    .describe('A key that follows: the assertion names its id as `new_kid`, so that both keys have signed.'),
})
export type AgentTokenRequest = z.infer<typeof agentTokenRequestSchema>

/** A token of an agent. */
export const agentTokenReplySchema = z.object({
  access_token: z.string().describe('The token, a JWT.'),
  token_type: z.literal('bearer').describe('How the token is sent: `Authorization: Bearer …`.'),
  expires_in: z.number().int().describe('How long the token lives, in seconds.'),
  kid: z.string().describe('The key that the agent is to sign with from now on.'),
  rotate: z.boolean().describe('Whether the agent is to make a new key.'),
  order_keys: z.array(orderKeySchema).max(8).describe('Keys by which this controller signs orders.'),
})
export type AgentTokenReply = z.infer<typeof agentTokenReplySchema>

const agentChangeFields = {
  /** Labels to assign, by name; null takes an assigned one away. Labels that are not named stay. */
  labels: z
    .record(labelNameSchema, z.string().max(256).nullable())
    .optional()
    .describe('Labels to assign, by name; null takes one away. Others stay.'),
  /** Accepts the machine that was refused last as the one of this agent: its hardware was changed. */
  accept_machine: z
    .literal(true)
    .optional()
    .describe('Accepts the machine that was refused last as the one of this agent.'),
  /** Has the agent make a new key, within minutes. */
  rotate_key: z.literal(true).optional().describe('Has the agent make a new key, within minutes.'),
}
/** What can be changed of an agent. */
export const agentChangeSchema = z.object(agentChangeFields)
/** What to change of an agent; what is left out stays. */
export interface AgentUpdate extends z.input<z.ZodObject<typeof agentChangeFields>> {}

/** The typ of an assertion, which keeps it from being taken for any other token. */
export const ASSERTION_TYPE = 'ogent-agent-assertion'

/** How long an assertion or a proof may live, in seconds. */
export const PROOF_SECONDS = 60

export type JoinTokenParts = {
  token_id: string
  /** The installation that the token is of. */
  installation: string
  secret: string
  /** SHA-256 of the certificate to trust at the first call, in hex; undefined where the controller speaks no TLS. */
  pin: string | undefined
}

const TOKEN = new RegExp(
  `^ogj_([${ULID_DIGITS}]{26})_([A-Za-z0-9_-]{1,64})([A-Za-z0-9_-]{43})(?:@sha256:([0-9a-f]{64}))?$`,
)

/** The parts of a join token; undefined for what is none. */
export function parseJoinToken(token: string): JoinTokenParts | undefined {
  const [, token_id, installation, secret, pin] = TOKEN.exec(token) ?? []
  if (token_id === undefined || installation === undefined || secret === undefined) return undefined
  return { token_id, installation, secret, pin }
}

/** Names the installation before its secret, so that a machine knows for whom it signs before it has asked anyone. */
export function joinTokenText({ token_id, installation, secret, pin }: JoinTokenParts): string {
  return `ogj_${token_id}_${installation}${secret}${pin === undefined ? '' : `@sha256:${pin}`}`
}

/** The audience of what agents sign for an installation. */
export function audienceOf(installation: string): string {
  return `ogent:${installation}:agents`
}

type Proven = { audience: string; nonce: string; expires_at: number; public_key: string }

/** What the key of an agent that joins signs. */
export function joinProofText(
  proven: Proven & { token_id: string; agent_id?: string | undefined; fingerprint?: string | undefined },
): string {
  const { audience, nonce, expires_at, public_key, token_id, agent_id = '', fingerprint = '' } = proven
  return ['ogent-join-1', audience, nonce, expires_at, token_id, public_key, agent_id, fingerprint].join('\n')
}

/** What the new key of an agent signs. */
export function rotationProofText(proven: Proven & { identity_id: string }): string {
  const { audience, nonce, expires_at, public_key, identity_id } = proven
  return ['ogent-rotate-1', audience, nonce, expires_at, identity_id, public_key].join('\n')
}

/** Whether an id is among those that a join token allows. `*` means any letters. */
export function fitsGlob(glob: string, agent_id: string): boolean {
  // By hand: a regular expression of several stars takes time that grows with their power.
  const [first = '', ...rest] = glob.split('*')
  if (rest.length === 0) return glob === agent_id
  const last = rest.pop() ?? ''
  if (!agent_id.startsWith(first) || agent_id.length < first.length + last.length || !agent_id.endsWith(last))
    return false
  let at = first.length
  const end = agent_id.length - last.length
  for (const part of rest) {
    const found = agent_id.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
