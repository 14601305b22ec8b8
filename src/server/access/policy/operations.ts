import { explainRequestSchema, policySaveSchema } from '../../../shared/access/explain.js'
import { policySchema } from '../../../shared/access/policy.js'
import { OgentError } from '../../../shared/errors.js'
import { derived, json, mutation, plainQuery, query, route } from '../../transport/operation.js'
import type { PolicyService } from './service.js'

/** Of which policy rules it works with, nothing is known here. */
type Policies = Pick<PolicyService, 'get' | 'save' | 'check' | 'explain'>

export type PolicyServices = { policies: Policies }

/** Bytes of a policy, which may have ten thousand grants. */
const POLICY_BYTES = 16 * 1024 * 1024

export function policyOperations({ policies }: PolicyServices) {
  return {
    /** The policy that is in force, with its tag. Throws FORBIDDEN. */
    get: plainQuery({
      access: 'policy.manage',
      run: ({ caller }) => policies.get(caller()),
      routes: [getRoute(policies)],
    }),

    /** Saves a policy. Throws FORBIDDEN, VALIDATION_FAILED, POLICY_CHANGED, UNAVAILABLE. */
    save: mutation({
      access: 'policy.manage',
      input: policySaveSchema,
      run: ({ input, caller }) => policies.save(caller(), input.policy, input.if_match),
      routes: [putRoute(policies)],
    }),

    /** What is wrong with a policy, without saving it. Throws FORBIDDEN. */
    check: mutation({
      access: 'policy.manage',
      input: policySchema,
      run: ({ input, caller }) => policies.check(caller(), input),
      http: derived({
        method: 'POST',
        path: '/policy/check',
        id: 'checkPolicy',
        tag: 'access',
        summary: 'Say what is wrong with a policy, without saving it',
        description: 'Runs its tests as well.',
        body: { schema: 'Policy', type: 'application/json', limit: POLICY_BYTES },
        replies: { 200: { description: 'Whether it could be saved.', content: json('PolicyCheck') } },
        errors: [],
      }),
    }),
  }
}

export function explainOperations({ policies }: PolicyServices) {
  return {
    /** What the policy says of a request, and why. About others it takes `policy.manage`. Throws FORBIDDEN, VALIDATION_FAILED. */
    explain: query({
      access: 'any',
      input: explainRequestSchema,
      run: ({ input, caller }) => policies.explain(caller(), input),
      http: derived({
        method: 'POST',
        path: '/access/explain',
        id: 'explainAccess',
        tag: 'access',
        summary: 'Say whether a request is allowed, and by which grant',
        description: 'About oneself, or with `policy.manage` about any account. Nothing is run.',
        body: { schema: 'ExplainRequest', type: 'application/json' },
        replies: { 200: { description: 'What the policy says.', content: json('AccessExplanation') } },
        errors: ['FORBIDDEN'],
      }),
    }),
  }
}

/** Apart from `get`: the tag is a header, as conditional requests have it. */
function getRoute(policies: Policies) {
  return route({
    method: 'GET',
    path: '/policy',
    id: 'getPolicy',
    tag: 'access',
    summary: 'Show the policy that is in force',
    replies: {
      200: {
        description: 'The policy. Where none was saved, it is empty, and the built-in roles count alone.',
        content: json('PolicyReply'),
        headers: { ETag: 'Names this state of the policy, for `If-Match`.' },
      },
    },
    errors: ['UNAVAILABLE'],
    handle: async ({ reply, caller }) => {
      const found = await policies.get(caller())
      reply.header('etag', `"${found.etag}"`).header('cache-control', 'no-store')
      return found
    },
  })
}

function putRoute(policies: Policies) {
  return route({
    method: 'PUT',
    path: '/policy',
    id: 'savePolicy',
    tag: 'access',
    summary: 'Save another policy',
    description:
      'Takes `If-Match` with the tag of the policy that was read, or `*` for whichever there is. Its tests run first.',
    body: { schema: 'Policy', type: 'application/json', limit: POLICY_BYTES },
    replies: {
      200: {
        description: 'It is saved, and counts from now on.',
        content: json('PolicyReply'),
        headers: { ETag: 'Names this state of the policy.' },
      },
    },
    errors: ['POLICY_CHANGED', 'UNAVAILABLE'],
    handle: async ({ request, reply, body, caller }) => {
      const saved = await policies.save(caller(), body(), tagOf(request.headers['if-match']))
      return reply.header('etag', `"${saved.etag}"`).send(saved)
    },
  })
}

/** The tag of `If-Match`, which may be weak: proxies that compress make it so. */
function tagOf(header: string | undefined): string {
  const tag = header
    ?.trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1')
  if (tag) return tag
  const msg = 'is missing: it takes the ETag of GET /policy, or *'
  const issues = [{ loc: ['header', 'If-Match'], msg, type: 'missing' }]
  throw new OgentError('VALIDATION_FAILED', `If-Match ${msg}`, { issues })
}
