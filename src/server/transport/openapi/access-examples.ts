import type { z } from 'zod'
import type { replies, requests } from './schemas.js'

/** What the document shows of accounts, tokens, the policy, enrolment and the audit. */

export type Examples = { [Name in keyof typeof requests]: z.input<(typeof requests)[Name]> } & {
  [Name in keyof typeof replies]: z.output<(typeof replies)[Name]>
}

export const command_id = '01J8Z6X9Q2F4H6K8M0P2R4T6VW'
export const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const timestamp = '2026-01-01T12:00:00.000Z'
export const agent_info = {
  platform: 'Linux',
  version: '6.1.0-28-amd64',
  python: '3.11.2',
  node: '20.19.0',
  ssh_enabled: false,
  ssh_target: null,
  ssh_status: 'disabled' as const,
  ssh_error: null,
  hostname: 'web-1',
  arch: 'x64',
  agent_version: '0.1.0',
  max_concurrent_commands: 16,
}

const public_key = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
export const kid = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
export const token_id = '01J8Z6V5K7M9P1R3T5V7X9Z1B3'
const joinToken = {
  token_id,
  uses: 10,
  used_count: 1,
  used: [{ public_key, agent_id: 'web-1', at: timestamp }],
  expires_at: '2026-01-01T13:00:00.000Z',
  labels: { env: 'prod' },
  agent_id: 'web-*',
  created_by: 'admin',
  created_at: timestamp,
}
const proof = { nonce: 'Jm1vbmNlLW9mLXRoaXMtcHJvb2Y', expires_at: 1767268860, signature: 'A'.repeat(86) }
const fingerprint = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03'

const auditRecord = {
  chain: '01J8Z6W1A2B3C4D5E6F7G8H9J0',
  seq: 64,
  prev: '9b2cf535f27731c974343645a3985328a6b4f5d3a0c1f3a5a1b6f0f6b4a0c1d2',
  hash: '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03',
  timestamp,
  actor: {
    principal_id: '01J8Z6W1A2B3C4D5E6F7G8H9J1',
    kind: 'user' as const,
    name: 'olga',
    via: 'password' as const,
    session_id: '01J8Z6W1A2B3C4D5E6F7G8H9J2',
  },
  action: 'order',
  object: 'agent:web-1',
  verdict: 'allowed' as const,
  reason: '',
  ip: '192.0.2.7',
  command_id,
  details: { command_sha256: SHA256_OF_NOTHING, target: 'auto' },
}
const checkpoint = {
  chain: auditRecord.chain,
  seq: 64,
  hash: auditRecord.hash,
  count: 64,
  timestamp,
  kid: 'kPrK_qmxVWaYVA9wwBF6Iw',
  signature: '5eV0Xo0TlYJ8tL9Qb2uQ3vW4rX5sY6tZ7uA8vB9wC0xD1yE2zF3aG4bH5cI6dJ7eK8fL9gM0hN1iO2jP3kQ4lR',
}

const policy = {
  roles: {
    web: [
      {
        effect: 'allow' as const,
        actions: ['run.shell' as const],
        agents: 'env=prod and role=web',
        commands: [{ argv: ['systemctl', { one_of: ['status', 'restart'] }, 'nginx'], max_words: 64 }],
        max_timeout_seconds: 60,
      },
    ],
  },
  bindings: [{ to: 'user:ann', role: 'web' }],
  tests: [
    {
      as: 'user:ann',
      action: 'run.shell' as const,
      agents: 'env=prod and role=web',
      command: 'systemctl stop nginx',
      expect: 'deny' as const,
    },
  ],
}

const user_id = '01J8Z6X9Q2F4H6K8M0P2R4T6VX'
const session_id = '01J8Z6X9Q2F4H6K8M0P2R4T6VY'

const user = {
  user_id,
  username: 'olga',
  kind: 'user' as const,
  roles: ['operator'],
  disabled_at: null,
  generation: 1,
  created_at: timestamp,
  last_login_at: timestamp,
  temporary: false,
}

const session = {
  session_id,
  created_at: timestamp,
  last_seen_at: timestamp,
  expires_at: timestamp,
  address: '192.0.2.7',
  via: 'password' as const,
  current: true,
}

const apiToken = {
  token_id,
  name: 'ci',
  owner: user_id,
  owner_name: 'olga',
  parent_id: null,
  created_at: timestamp,
  expires_at: timestamp,
  last_used_at: null,
  last_used_from: null,
  grants: null,
}

export const accessExamples = {
  JoinTokenRequest: { labels: { env: 'prod' }, uses: 10, expires_in_seconds: 3600, agent_id: 'web-*' },
  AgentJoin: {
    token: `ogj_${token_id}_${'A'.repeat(65)}`,
    public_key,
    proof,
    info: agent_info,
    fingerprint,
    agent_id: 'web-1',
  },
  AgentAssertion: { assertion: 'eyJhbGciOiJFZERTQSJ9.e30.signature' },
  AgentChange: { labels: { env: 'prod', old: null } },
  JoinToken: joinToken,
  CreatedJoinToken: { ...joinToken, token: `ogj_${token_id}_${'A'.repeat(65)}` },
  AgentJoined: {
    agent_id: 'web-1',
    identity_id: '01J8Z6W0000000000000000000',
    kid,
    assigned_labels: { env: 'prod' },
    audience: 'ogent:the-installation:agents',
    order_keys: [],
    joined_at: timestamp,
    server_time: 1767268800000,
  },
  AgentToken: {
    access_token: 'eyJhbGciOiJIUzI1NiJ9.e30.signature',
    token_type: 'bearer',
    expires_in: 300,
    kid,
    rotate: false,
    order_keys: [],
  },
  AuditPage: { records: [auditRecord], next_cursor: null },
  AuditRecord: auditRecord,
  AuditCheckpoints: { checkpoints: [checkpoint] },
  AuditCheckpoint: checkpoint,
  AuditWitnesses: { witnesses: [{ agent_id: 'web-1', checkpoints: [checkpoint] }] },
  Policy: policy,
  Selector: { field: 'env', op: 'eq', values: ['prod'] },
  ExplainRequest: { as: 'ann', action: 'run.shell', agents: 'env=prod', command: 'systemctl restart nginx' },
  PolicyReply: { policy, etag: 'n4bQgYhMfWWaL-qgxVrQFa', saved_at: timestamp, saved_by: 'ada' },
  PolicyCheck: { ok: true, faults: [] },
  AccessExplanation: {
    verdict: 'allow',
    grant: 'web[0]',
    reason: 'web[0] allows it.',
    obligations: { max_timeout_seconds: 60 },
    agents: [{ agent_id: 'web-1', verdict: 'allow', reason: 'web[0] allows it.' }],
    considered: [{ grant: 'web[0]', effect: 'allow', fits: true }],
  },
  Identity: {
    username: 'olga',
    role: 'operator',
    user_id,
    roles: ['operator'],
    via: 'password',
    session_id,
    expires_at: timestamp,
  },
  NewUser: { username: 'olga', password: 'choose-a-password', roles: ['operator'], kind: 'user' },
  UserChange: { roles: ['viewer'], disabled: false },
  PasswordChange: { password: 'choose-another-one', current_password: 'choose-a-password' },
  NewApiToken: {
    name: 'ci',
    grants: [
      {
        effect: 'allow',
        actions: ['run.shell'],
        // Of the reply it would be a tree.
        agents: 'env=staging' as never,
        commands: [{ exact: 'uptime' }],
      },
    ],
    expires_in_seconds: 7_776_000,
  },
  ApiToken: apiToken,
  MadeApiToken: { ...apiToken, token: `ogt_${token_id}_${'x'.repeat(43)}_0a1b2c3d` },
  ApiTokenList: { tokens: [apiToken] },
  User: user,
  UserPage: { users: [user], next_cursor: null },
  UserSession: session,
  UserSessions: { sessions: [session] },
} satisfies Partial<Examples>
