import { z } from 'zod'
import type { Access } from '../../../shared/access/identity.js'
import { agentQuerySchema } from '../../../shared/agents/agent.js'
import { encodingQuerySchema, outputQuerySchema } from '../../../shared/commands/output-query.js'
import { commandQuerySchema } from '../../../shared/commands/record.js'
import { idSchema } from '../../../shared/commands/request.js'
import type { ErrorCode } from '../../../shared/errors.js'
import type { RequestName, SchemaName } from './schemas.js'

/** What the OpenAPI document says of a route besides what follows from its path and its access. */
export type Operation = {
  id: string
  tag: keyof typeof tags
  summary: string
  description?: string
  access: Access
  query?: z.ZodObject
  headers?: z.ZodObject
  body?: { schema: RequestName; type: 'application/json' | 'application/x-www-form-urlencoded' }
  replies: Record<number, Reply>
  /** Codes of the closed table that it can answer with, besides those that any route of its kind can. */
  errors: ErrorCode[]
}

export type Reply = {
  description: string
  /** By media type; bytes and texts have no schema of ours. */
  content?: Record<string, SchemaName | { list: SchemaName } | { plain: string }>
  headers?: Record<string, string>
}

export const tags = {
  login: 'Tokens, and who one is.',
  agents: 'The machines, and running commands on them.',
  commands: 'The history, and one command with its output and events.',
  service: 'How the controller itself is, for people, probes and scrapers.',
} as const

const executeHeaders = z.object({
  Prefer: z.literal('respond-async').optional().describe('Answer at once with 202, and let the command run.'),
  'Idempotency-Key': idSchema
    .optional()
    .describe('Becomes the `command_id`: a known one is followed, not started again.'),
  traceparent: z
    .string()
    .optional()
    .describe('The trace that the command is to be part of (W3C Trace Context).'),
})

const eventHeaders = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .describe('The `id` of the event seen last: the stream goes on after it.'),
})

const json = (schema: SchemaName) => ({ 'application/json': schema })

/** By method and path, as OpenAPI writes them: a route that is not here fails the tests. */
export const operations: Record<string, Operation> = {
  'GET /': {
    id: 'welcome',
    tag: 'service',
    summary: 'Say hello, with the version',
    access: 'open',
    replies: { 200: { description: 'The controller answers.', content: json('Welcome') } },
    errors: [],
  },
  'GET /health': {
    id: 'health',
    tag: 'service',
    summary: 'Tell whether the process is alive',
    access: 'open',
    replies: { 200: { description: 'It is.', content: json('Health') } },
    errors: [],
  },
  'GET /ready': {
    id: 'ready',
    tag: 'service',
    summary: 'Tell whether the controller can do its work',
    access: 'open',
    replies: {
      200: { description: 'Every dependency is well.', content: json('Readiness') },
      503: { description: 'One of them is not; it is named.', content: json('Readiness') },
    },
    errors: [],
  },
  'GET /openapi.json': {
    id: 'openapi',
    tag: 'service',
    summary: 'Give this document',
    access: 'open',
    replies: {
      200: { description: 'OpenAPI 3.1.', content: { 'application/json': { plain: 'object' } } },
    },
    errors: [],
  },
  'GET /docs': {
    id: 'docs',
    tag: 'service',
    summary: 'Show a page to read and try this API',
    access: 'open',
    replies: { 200: { description: 'The page.', content: { 'text/html': { plain: 'string' } } } },
    errors: [],
  },
  'GET /metrics': {
    id: 'metrics',
    tag: 'service',
    summary: 'Give metrics for Prometheus',
    description: 'Takes the value of `METRICS_TOKEN` as well, where the controller has one.',
    access: 'viewer',
    replies: {
      200: { description: 'The metrics, as text.', content: { 'text/plain': { plain: 'string' } } },
    },
    errors: ['RATE_LIMITED'],
  },
  'POST /token': {
    id: 'login',
    tag: 'login',
    summary: 'Take a token for a name and password',
    description:
      'The password flow of OAuth2. After too many wrong passwords it has to wait: see `Retry-After`.',
    access: 'open',
    body: { schema: 'Credentials', type: 'application/x-www-form-urlencoded' },
    replies: { 200: { description: 'A bearer token.', content: json('Token') } },
    errors: ['UNAUTHORIZED', 'RATE_LIMITED', 'UNAVAILABLE'],
  },
  'GET /users/me': {
    id: 'me',
    tag: 'login',
    summary: 'Tell whose token this is',
    access: 'any',
    replies: { 200: { description: 'Name and role.', content: json('Identity') } },
    errors: ['RATE_LIMITED'],
  },
  'GET /agents': {
    id: 'listAgents',
    tag: 'agents',
    summary: 'List the agents that are known',
    access: 'viewer',
    query: agentQuerySchema,
    replies: {
      200: {
        description: 'The agents, those that are away too, in the order of their ids.',
        content: { 'application/json': { list: 'Agent' } },
        headers: { Link: 'Where there are more: the next page, with `rel="next"` (RFC 8288).' },
      },
    },
    errors: ['RATE_LIMITED'],
  },
  'DELETE /agents/{agent_id}': {
    id: 'forgetAgent',
    tag: 'agents',
    summary: 'Forget an agent that is not connected',
    description: 'Should it come back, it registers anew. The history of its commands stays.',
    access: 'admin',
    replies: { 204: { description: 'It is forgotten.' } },
    errors: ['AGENT_NOT_FOUND', 'AGENT_ID_TAKEN', 'UNAVAILABLE'],
  },
  'GET /agents/{agent_id}': {
    id: 'getAgent',
    tag: 'agents',
    summary: 'Show one agent',
    access: 'viewer',
    replies: { 200: { description: 'The agent.', content: json('Agent') } },
    errors: ['AGENT_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
  },
  'POST /agents/{agent_id}/execute': {
    id: 'execute',
    tag: 'agents',
    summary: 'Run a command on an agent',
    description: [
      'Answers once the command has ended, with 200 whatever its exit code; `status` says how it went.',
      'With `Prefer: respond-async` it answers at once, and the command goes on by itself.',
    ].join(' '),
    access: 'operator',
    headers: executeHeaders,
    body: { schema: 'ExecuteRequest', type: 'application/json' },
    replies: {
      200: { description: 'How the command ended.', content: json('CommandOutcome') },
      202: {
        description: 'It was taken (`Prefer: respond-async`).',
        content: json('CommandAccepted'),
        headers: { Location: 'Where to look for it.', 'Preference-Applied': 'respond-async' },
      },
    },
    errors: [
      'COMMAND_REFUSED',
      'AGENT_NOT_FOUND',
      'AGENT_OFFLINE',
      'TARGET_UNAVAILABLE',
      'COMMAND_ID_TAKEN',
      'RATE_LIMITED',
      'AGENT_BUSY',
      'UNAVAILABLE',
    ],
  },
  'POST /agents/analyze': {
    id: 'analyze',
    tag: 'agents',
    summary: 'Say what a command would do, without running it',
    access: 'operator',
    body: { schema: 'AnalyzeRequest', type: 'application/json' },
    replies: {
      200: { description: 'What the rules, and a model if there is one, say.', content: json('Analysis') },
    },
    errors: [],
  },
  'POST /agents/{agent_id}/analyze': {
    id: 'analyzeForAgent',
    tag: 'agents',
    summary: 'Say what a command would do on this agent, without running it',
    access: 'operator',
    body: { schema: 'AnalyzeRequest', type: 'application/json' },
    replies: {
      200: { description: 'What the rules, and a model if there is one, say.', content: json('Analysis') },
    },
    errors: ['AGENT_NOT_FOUND', 'UNAVAILABLE'],
  },
  'GET /commands': {
    id: 'listCommands',
    tag: 'commands',
    summary: 'List commands, newest first',
    access: 'viewer',
    query: commandQuerySchema,
    replies: { 200: { description: 'A page of them.', content: json('CommandPage') } },
    errors: ['RATE_LIMITED', 'UNAVAILABLE'],
  },
  'GET /commands/{command_id}': {
    id: 'getCommand',
    tag: 'commands',
    summary: 'Show one command with its result',
    access: 'viewer',
    query: encodingQuerySchema,
    replies: {
      200: {
        description: 'The command; `result` is null until it has ended.',
        content: json('CommandDetail'),
      },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
  },
  'GET /commands/{command_id}/recording.cast': {
    id: 'getRecording',
    tag: 'commands',
    summary: 'Play a command again',
    description:
      'What it wrote until now, both streams, with the time of each piece: asciicast v2, for terminal players. ' +
      'A command that still runs is not waited for.',
    access: 'viewer',
    replies: {
      200: {
        description: 'A line of JSON for the header, then one for each piece.',
        content: { 'application/x-asciicast': { plain: 'string' } },
      },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
  },
  'GET /commands/{command_id}/output': {
    id: 'getOutput',
    tag: 'commands',
    summary: 'Stream every byte that a command wrote to one stream',
    description: 'Live while it runs: the reply ends when the command does.',
    access: 'viewer',
    query: outputQuerySchema,
    replies: {
      200: { description: 'The bytes.', content: { 'application/octet-stream': { plain: 'binary' } } },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
  },
  'GET /commands/{command_id}/events': {
    id: 'getEvents',
    tag: 'commands',
    summary: 'Stream the events of a command',
    description: [
      'Server-sent events: `event` is the type, `id` the number of the event, `data` a `CommandEvent` as JSON.',
      'Live while the command runs; the result comes last.',
    ].join(' '),
    access: 'viewer',
    query: encodingQuerySchema,
    headers: eventHeaders,
    replies: {
      200: { description: 'The events.', content: { 'text/event-stream': 'CommandEvent' } },
      204: { description: 'All of them were seen: do not connect again.' },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
  },
  'POST /commands/{command_id}/cancel': {
    id: 'cancelCommand',
    tag: 'commands',
    summary: 'Ask for the end of a command',
    access: 'operator',
    replies: { 202: { description: 'It was asked to end.', content: json('CancelAccepted') } },
    errors: ['COMMAND_NOT_FOUND', 'COMMAND_ENDED', 'UNAVAILABLE'],
  },
}
