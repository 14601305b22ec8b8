import {
  accessExamples,
  agent_info,
  command_id,
  type Examples,
  kid,
  SHA256_OF_NOTHING,
  timestamp,
  token_id,
} from './access-examples.js'

/** What the document shows of each schema. The samples of docs/rest.md are of the same command. */

const ran = {
  execution_type: 'local' as const,
  target: 'web-1',
  exit_code: 0,
  signal: null,
  reason: null,
  duration_ms: 3.2,
  stdout_bytes: 6,
  stderr_bytes: 0,
}

const result = {
  ...ran,
  command: 'echo hello',
  stdout: 'hello\n',
  stderr: '',
  timestamp,
  stdout_truncated: false,
  stderr_truncated: false,
  stdout_sha256: '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03',
  stderr_sha256: SHA256_OF_NOTHING,
}

const outcome = {
  type: 'command_result' as const,
  command_id,
  agent_id: 'web-1',
  command: 'echo hello',
  status: 'success' as const,
  result,
  timestamp,
}

const record = {
  ...ran,
  command_id,
  agent_id: 'web-1',
  command: 'echo hello',
  status: 'success' as const,
  requested_by: 'olga',
  execution_target: 'auto' as const,
  created_at: timestamp,
  started_at: timestamp,
  ended_at: timestamp,
}

const validation = {
  safe: false,
  risk_level: 'high' as const,
  risks: ['`rm -rf /` deletes every file of the machine.'],
  suggestions: ['rm -rf ./build'],
}
const optimization = {
  optimized_command: 'rm -rf /',
  improvements: [],
  explanation: 'Nothing is to be gained.',
}
const enrichment = {
  purpose: 'Deletes files and folders.',
  components: ['rm: deletes files', '-r: folders with all that is in them', '-f: without a question'],
  side_effects: ['Files are gone.'],
  prerequisites: [],
  related_commands: ['find'],
}
const parts = { validation, optimization, enrichment }

const problem = { request_id: '01KDVJ6ZC8T7M0Q3N5XEXAMPLE' }

const agent = {
  sid: '01J8Z6W1A2B3C4D5E6F7G8H9J0',
  agent_id: 'web-1',
  connected_at: timestamp,
  status: 'connected' as const,
  hostname: 'web-1',
  labels: { role: 'web', env: 'prod' },
  assigned_labels: { env: 'prod' },
  identity: {
    identity_id: '01J8Z6W0000000000000000000',
    joined_at: timestamp,
    key_ids: [kid],
    via: token_id,
  },
  last_seen_at: timestamp,
  agent_info,
  protocol: 1,
  features: [],
}

const agentEvent = { type: 'agent_connected' as const, agent, timestamp }

export const examples: Examples = {
  ...accessExamples,
  Credentials: { grant_type: 'password', username: 'olga', password: 'choose-a-password' },
  ExecuteRequest: {
    command: 'echo $GREETING; cat',
    env: { GREETING: 'hello' },
    stdin: 'and more\n',
    cwd: '/tmp',
    timeout_seconds: 30,
  },
  AnalyzeRequest: { command: 'rm -rf /' },
  InputRequest: { offset: 0, data: 'pear\napple\n', encoding: 'utf8', end: false },
  Welcome: { message: 'Welcome to Ogent', version: '0.1.0', documentation: '/docs' },
  Health: { status: 'healthy' },
  Readiness: { status: 'ready', dependencies: { journal: 'ready' } },
  Token: { access_token: 'eyJhbGciOiJIUzI1NiJ9.e30.signature', token_type: 'bearer', expires_in: 1800 },
  Agent: agent,
  AgentInfo: agent_info,
  CommandResult: result,
  CommandOutcome: outcome,
  CommandEvent: {
    type: 'command_progress',
    command_id,
    state: 'output',
    stream: 'stdout',
    data: 'hello\n',
    offset: 0,
    bytes: 6,
    timestamp,
  },
  AgentEvent: agentEvent,
  FeedEvent: agentEvent,
  CommandRecord: record,
  CommandDetail: { ...record, result },
  CommandPage: { commands: [record], next_cursor: null },
  CommandAccepted: { command_id, status: 'pending' },
  CancelAccepted: { command_id, status: 'cancel_requested' },
  InputReply: { command_id, taken: 11, state: 'open' },
  Analysis: {
    command: 'rm -rf /',
    processed_command: 'rm -rf /',
    ...parts,
    source: 'rules',
    ai_processing: parts,
    timestamp,
  },
  CommandAnalysis: { ...parts, processed_command: 'rm -rf /', source: 'rules' },
  AiProcessing: parts,
  Validation: validation,
  Optimization: optimization,
  Enrichment: enrichment,
  Problem: {
    ...problem,
    type: '/docs/errors/agent-not-found',
    title: 'Unknown agent',
    status: 404,
    detail: 'Agent with ID web-2 not found',
    code: 'AGENT_NOT_FOUND',
  },
  ValidationProblem: {
    ...problem,
    type: '/docs/errors/validation-failed',
    title: 'Request is not valid',
    status: 422,
    detail: [{ loc: ['body', 'command'], msg: 'expected string, received number', type: 'invalid_type' }],
    summary: 'body.command: expected string, received number',
    code: 'VALIDATION_FAILED',
  },
}
