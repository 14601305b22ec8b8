import { z } from 'zod'
import {
  auditCheckpointSchema,
  auditCheckpointsSchema,
  auditPageSchema,
  auditRecordSchema,
  auditWitnessesSchema,
} from '../../../shared/access/audit.js'
import {
  explainRequestSchema,
  explanationSchema,
  policyCheckSchema,
  policyReplySchema,
} from '../../../shared/access/explain.js'
import { callerIdentitySchema, loginFormSchema, tokenReplySchema } from '../../../shared/access/identity.js'
import {
  agentChangeSchema,
  agentJoinReplySchema,
  agentJoinSchema,
  agentTokenReplySchema,
  agentTokenRequestSchema,
  createdJoinTokenSchema,
  joinTokenRequestSchema,
  joinTokenSchema,
} from '../../../shared/access/join.js'
import { policySchema } from '../../../shared/access/policy.js'
import {
  apiTokenListSchema,
  apiTokenSchema,
  madeTokenSchema,
  newTokenSchema,
} from '../../../shared/access/tokens.js'
import {
  newUserSchema,
  passwordChangeSchema,
  userChangeSchema,
  userPageSchema,
  userSchema,
  userSessionSchema,
  userSessionsSchema,
} from '../../../shared/access/users.js'
import { agentInfoSchema, agentSchema } from '../../../shared/agents/agent.js'
import { nodeSchema } from '../../../shared/agents/selector/tree.js'
import {
  aiProcessingSchema,
  analysisSchema,
  analyzeBodySchema,
  commandAnalysisSchema,
  enrichmentSchema,
  optimizationSchema,
  validationSchema,
} from '../../../shared/analysis/analysis.js'
import { commandEventSchema, resultEventSchema } from '../../../shared/commands/event.js'
import { commandInputReplySchema, commandInputSchema } from '../../../shared/commands/input.js'
import {
  commandDetailSchema,
  commandPageSchema,
  commandRecordSchema,
} from '../../../shared/commands/record.js'
import { executeBodySchema } from '../../../shared/commands/request.js'
import { commandResultSchema } from '../../../shared/commands/result.js'
import { errorTable } from '../../../shared/errors.js'
import { strict } from '../strict.js'

/** The schemas of the REST API by the names that they have in the OpenAPI document. */

const problem = {
  type: z.string().describe('the address of a page that explains the error, relative to the controller'),
  title: z.string().describe('what the code means, in a few words'),
  status: z.number().int().describe('the HTTP status'),
  code: z.enum(Object.keys(errorTable) as [string, ...string[]]).describe('of the closed table'),
  request_id: z.string().optional().describe('of the request, as the header `Request-Id` says, and the log'),
}

const issueSchema = z.object({
  loc: z.array(z.union([z.string(), z.number()])).describe('body, query, path or header, then where in it'),
  msg: z.string().describe('what is wrong, for people'),
  type: z
    .string()
    .describe('what kind of thing is wrong, for programs, such as `invalid_type` or `unknown_field`'),
})

const agentEventSchema = z.object({
  type: z.enum(['agent_connected', 'agent_disconnected']).describe('whether its link was opened or closed'),
  agent: agentSchema.describe('the agent as it is after the change'),
  timestamp: z.string().describe('when that was, as an RFC 3339 time'),
})

/** Of the bodies of requests. */
export const requests = {
  Credentials: loginFormSchema,
  ExecuteRequest: executeBodySchema,
  AnalyzeRequest: analyzeBodySchema,
  Policy: policySchema,
  Selector: nodeSchema,
  ExplainRequest: explainRequestSchema,
  NewUser: newUserSchema,
  UserChange: userChangeSchema,
  PasswordChange: passwordChangeSchema,
  NewApiToken: newTokenSchema,
  /** Which calls itself, so that it has a name. */
  InputRequest: commandInputSchema.omit({ command_id: true }),
  JoinTokenRequest: joinTokenRequestSchema,
  AgentJoin: agentJoinSchema,
  AgentAssertion: agentTokenRequestSchema,
  AgentChange: agentChangeSchema,
}

/** Of the bodies of replies. */
export const replies = {
  Welcome: z.object({
    message: z.string().describe('a greeting, for people'),
    version: z.string().describe('of the controller'),
    documentation: z.string().describe('where to read about this API, relative to the controller'),
  }),
  Health: z.object({ status: z.literal('healthy').describe('always the same: the process answers') }),
  Readiness: z.object({
    status: z.enum(['ready', 'unavailable']).describe('`ready` where every dependency is'),
    dependencies: z.record(z.string(), z.string()).describe('`ready`, or what is wrong with it'),
    notices: z
      .record(z.string(), z.string())
      .optional()
      .describe(
        'what lags or is away and does not keep the controller from its work, such as a sink of the audit',
      ),
  }),
  AuditPage: auditPageSchema,
  AuditRecord: auditRecordSchema,
  AuditCheckpoints: auditCheckpointsSchema,
  AuditCheckpoint: auditCheckpointSchema,
  AuditWitnesses: auditWitnessesSchema,
  Token: tokenReplySchema,
  PolicyReply: policyReplySchema,
  PolicyCheck: policyCheckSchema,
  AccessExplanation: explanationSchema,
  Identity: callerIdentitySchema,
  User: userSchema,
  UserPage: userPageSchema,
  UserSession: userSessionSchema,
  UserSessions: userSessionsSchema,
  ApiToken: apiTokenSchema,
  MadeApiToken: madeTokenSchema,
  ApiTokenList: apiTokenListSchema,
  Agent: agentSchema,
  AgentInfo: agentInfoSchema,
  JoinToken: joinTokenSchema,
  CreatedJoinToken: createdJoinTokenSchema,
  AgentJoined: agentJoinReplySchema,
  AgentToken: agentTokenReplySchema,
  CommandResult: commandResultSchema,
  CommandOutcome: resultEventSchema,
  CommandEvent: commandEventSchema,
  AgentEvent: agentEventSchema,
  FeedEvent: z.union([commandEventSchema, agentEventSchema]),
  CommandRecord: commandRecordSchema,
  CommandDetail: commandDetailSchema,
  CommandPage: commandPageSchema,
  CommandAccepted: z.object({
    command_id: z.string().describe('the id of the command, chosen by the client or made here'),
    status: z.literal('pending').describe('it has not started yet'),
  }),
  CancelAccepted: z.object({
    command_id: z.string().describe('the id of the command'),
    status: z.literal('cancel_requested').describe('its end is in its events'),
  }),
  InputReply: commandInputReplySchema,
  Analysis: analysisSchema,
  CommandAnalysis: commandAnalysisSchema,
  AiProcessing: aiProcessingSchema,
  Validation: validationSchema,
  Optimization: optimizationSchema,
  Enrichment: enrichmentSchema,
  Problem: z.object({
    ...problem,
    detail: z.string().describe('a sentence'),
    risks: z.array(z.string()).optional().describe('of a command that was refused'),
    retry_after_seconds: z
      .number()
      .min(0)
      .optional()
      .describe(
        'when to try again, in seconds, as the header `Retry-After` says; absent where that is not known',
      ),
  }),
  ValidationProblem: z.object({
    ...problem,
    detail: z.array(issueSchema).describe('one entry for each thing that is wrong'),
    summary: z.string().describe('the same in a sentence'),
  }),
}

export type RequestName = keyof typeof requests
export type RequestSchema<Name extends RequestName> = (typeof requests)[Name]
export type SchemaName = RequestName | keyof typeof replies

export type JsonSchema = Record<string, unknown>

export function reference(name: SchemaName): JsonSchema {
  return { $ref: `#/components/schemas/${name}` }
}

/** All of them as JSON Schema; one that is part of another is referred to. */
export function componentSchemas(): Record<string, JsonSchema> {
  const taken = Object.fromEntries(Object.entries(requests).map(([name, schema]) => [name, strict(schema)]))
  return { ...asJsonSchemas(taken, 'input'), ...asJsonSchemas(replies, 'output') }
}

/** The fields of a path, a query or of headers, as parameters. */
export function parametersOf(schema: z.ZodObject, place: 'path' | 'query' | 'header'): JsonSchema[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: 'input',
    override: describeDefault,
  })
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = typeof property === 'object' ? property : {}
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }
  })
}

function asJsonSchemas(
  schemas: Record<string, z.ZodType>,
  io: 'input' | 'output',
): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id })
  const made = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: io === 'input' ? describeDefault : leaveOpen,
  })
  return Object.fromEntries(
    Object.entries(made.schemas).map(([name, { $schema: _dialect, $id: _id, ...schema }]) => [name, schema]),
  )
}

type Override = (context: { jsonSchema: z.core.JSONSchema.BaseSchema }) => void

/** Generated clients take a field with a default for one that must be sent; its description says the default. */
const describeDefault: Override = ({ jsonSchema }) => {
  if (jsonSchema.default === undefined) return
  const words = `Default: ${JSON.stringify(jsonSchema.default)}.`
  jsonSchema.description = jsonSchema.description ? `${jsonSchema.description} ${words}` : words
  delete jsonSchema.default
}

/** A reply may get more fields in a later version: a client that refuses those would break by it. */
const leaveOpen: Override = ({ jsonSchema }) => {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
}
