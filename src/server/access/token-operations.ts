import { newTokenSchema, tokenCallSchema, tokenParams, tokenQuerySchema } from '../../shared/access/tokens.js'
import { derived, json, mutation, query } from '../transport/operation.js'
import type { TokenService } from './token-service.js'

export type TokenServices = { tokens: TokenService }

export function tokenOperations({ tokens }: TokenServices) {
  return {
    /** The API tokens of an account: one's own, and with `tokens.manage` any. */
    list: query({
      access: 'any',
      input: tokenQuerySchema.optional(),
      run: ({ input, caller }) => tokens.list(caller(), input ?? {}),
      http: derived({
        method: 'GET',
        path: '/tokens',
        id: 'listTokens',
        tag: 'access',
        summary: 'List API tokens',
        description: "One's own, and with `tokens.manage` those of any account.",
        query: tokenQuerySchema,
        replies: { 200: { description: 'The tokens of one account.', content: json('ApiTokenList') } },
        errors: ['FORBIDDEN', 'NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),

    /** Makes an API token, which is shown this once. */
    create: mutation({
      access: 'any',
      input: newTokenSchema,
      run: ({ input, caller }) => tokens.create(caller(), input),
      http: derived({
        method: 'POST',
        path: '/tokens',
        id: 'createToken',
        tag: 'access',
        summary: 'Make an API token',
        description:
          'It may do what its `grants` say, within what its owner may do at that time. One made by a token may do no more than that, and ends with it.',
        body: { schema: 'NewApiToken', type: 'application/json' },
        replies: { 201: { description: 'It, with `token` this once.', content: json('MadeApiToken') } },
        errors: ['FORBIDDEN', 'NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),

    /** Ends an API token. Throws NOT_FOUND. */
    revoke: mutation({
      access: 'any',
      input: tokenCallSchema,
      run: ({ input, caller }) => tokens.revoke(caller(), input.token_id),
      http: derived({
        method: 'DELETE',
        path: '/tokens/{token_id}',
        id: 'revokeToken',
        tag: 'access',
        summary: 'Revoke an API token',
        description: 'It ends within a second, with what it holds open and the tokens that it made.',
        params: tokenParams,
        replies: { 204: { description: 'It is revoked.' } },
        errors: ['FORBIDDEN', 'NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),
  }
}
