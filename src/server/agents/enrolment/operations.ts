import { z } from 'zod'
import { agentChangeSchema, joinTokenRequestSchema } from '../../../shared/access/join.js'
import { idSchema } from '../../../shared/commands/request.js'
import { derived, json, mutation, plainQuery, route } from '../../transport/operation.js'
import type { EnrolmentService } from './service.js'

export type EnrolmentServices = { enrolment: EnrolmentService }

/** Bytes of a request to join, and of one for a token. */
const JOIN_BYTES = 16 * 1024
const ASSERTION_BYTES = 8 * 1024

const agentParams = z.object({ agent_id: z.string().describe('The id of the agent.') })
const tokenParams = z.object({ token_id: z.string().describe('The id of the join token.') })

export function joinTokenOperations({ enrolment }: EnrolmentServices) {
  return {
    /** The join tokens that can be used still, the newest first. */
    list: plainQuery({
      access: 'agents.manage',
      run: ({ caller }) => enrolment.listTokens(caller()),
      http: derived({
        method: 'GET',
        path: '/join-tokens',
        id: 'listJoinTokens',
        tag: 'enrolment',
        summary: 'List the join tokens that can be used still',
        replies: {
          200: { description: 'The newest first.', content: { 'application/json': { list: 'JoinToken' } } },
        },
        errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),

    /** Makes a join token; its secret is shown this once. */
    create: mutation({
      access: 'agents.manage',
      input: joinTokenRequestSchema,
      run: ({ input, caller }) => enrolment.createToken(caller(), input),
      http: derived({
        method: 'POST',
        path: '/join-tokens',
        id: 'createJoinToken',
        tag: 'enrolment',
        summary: 'Make a join token, by which machines join',
        body: { schema: 'JoinTokenRequest', type: 'application/json', limit: JOIN_BYTES },
        replies: { 201: { description: 'With the token, this once.', content: json('CreatedJoinToken') } },
        errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),

    /** Revokes a join token. Throws NOT_FOUND. */
    revoke: mutation({
      access: 'agents.manage',
      input: z.object({ token_id: z.string() }),
      run: ({ input, caller }) => enrolment.revokeToken(caller(), input.token_id),
      http: derived({
        method: 'DELETE',
        path: '/join-tokens/{token_id}',
        id: 'revokeJoinToken',
        tag: 'enrolment',
        summary: 'Revoke a join token; agents that have joined by it stay',
        params: tokenParams,
        replies: { 204: { description: 'It is revoked.' } },
        errors: ['NOT_FOUND', 'UNAVAILABLE'],
      }),
    }),
  }
}

export function enrolledAgentOperations({ enrolment }: EnrolmentServices) {
  return {
    /** Changes the labels of an agent, or what holds for its key. Throws AGENT_NOT_FOUND. */
    label: mutation({
      access: 'agents.manage',
      input: agentChangeSchema.extend({ agent_id: idSchema }),
      run: ({ input: { agent_id, ...update }, caller }) => enrolment.change(caller(), agent_id, update),
      http: derived({
        method: 'PATCH',
        path: '/agents/{agent_id}',
        id: 'changeAgent',
        tag: 'enrolment',
        summary: 'Assign labels to an agent, accept its new machine, or have its key replaced',
        description:
          'Assigned labels win over those that an agent reports, and are the ones that policies see.',
        params: agentParams,
        body: { schema: 'AgentChange', type: 'application/json', limit: 64 * 1024 },
        replies: { 200: { description: 'The agent as it is now.', content: json('Agent') } },
        errors: ['AGENT_NOT_FOUND', 'AGENT_REVOKED', 'RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),

    /** Revokes an agent that has a key. Throws AGENT_NOT_FOUND. */
    revoke: mutation({
      access: 'agents.manage',
      input: z.object({ agent_id: idSchema }),
      run: ({ input, caller }) => enrolment.revoke(caller(), input.agent_id),
    }),

    /** Revokes an agent that has a key, and forgets another one that is not connected. Throws AGENT_NOT_FOUND, AGENT_ID_TAKEN. */
    forget: mutation({
      access: 'agents.manage',
      input: z.object({ agent_id: idSchema }),
      run: ({ input, caller }) => enrolment.remove(caller(), input.agent_id),
      http: derived({
        method: 'DELETE',
        path: '/agents/{agent_id}',
        id: 'forgetAgent',
        tag: 'agents',
        summary: 'Revoke an agent that has a key, or forget one that is not connected',
        description:
          'The id of a revoked agent is never given again; should one that was forgotten come back, it registers anew. The history of its commands stays.',
        params: agentParams,
        replies: { 204: { description: 'It is revoked, or forgotten.' } },
        errors: ['AGENT_NOT_FOUND', 'AGENT_ID_TAKEN', 'UNAVAILABLE'],
      }),
    }),
  }
}

/** What agents ask for before they have a token: by a join token, or by a signed assertion. */
export function agentRoutes({ enrolment }: EnrolmentServices) {
  const join = route({
    method: 'POST',
    path: '/agents/join',
    id: 'joinAgent',
    tag: 'enrolment',
    summary: 'Join as an agent, by a join token and a key',
    description: 'The same key may repeat that for 10 minutes, where the reply was lost.',
    body: { schema: 'AgentJoin', type: 'application/json', limit: JOIN_BYTES },
    replies: { 200: { description: 'The identity of the agent.', content: json('AgentJoined') } },
    errors: [
      'UNAUTHORIZED',
      'FORBIDDEN',
      'TOKEN_EXHAUSTED',
      'AGENT_REVOKED',
      'AGENT_ID_TAKEN',
      'RATE_LIMITED',
      'UNAVAILABLE',
    ],
    handle: ({ request, reply, body }) => {
      reply.header('cache-control', 'no-store')
      return enrolment.join(body(), request.ip)
    },
  })
  const token = route({
    method: 'POST',
    path: '/agents/token',
    id: 'agentToken',
    tag: 'enrolment',
    summary: 'Take a token for an assertion that the key of the agent has signed',
    body: { schema: 'AgentAssertion', type: 'application/json', limit: ASSERTION_BYTES },
    replies: { 200: { description: 'A bearer token.', content: json('AgentToken') } },
    errors: ['UNAUTHORIZED', 'AGENT_REVOKED', 'AGENT_CLONED', 'RATE_LIMITED', 'UNAVAILABLE'],
    handle: async ({ request, reply, body, know }) => {
      reply.header('cache-control', 'no-store')
      const given = await enrolment.token(body(), request.ip)
      know()
      return given
    },
  })
  return [join, token].map((each) => ({ ...each, access: 'open' as const }))
}
