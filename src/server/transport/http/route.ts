import type { Socket } from 'node:net'
import formbody from '@fastify/formbody'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access } from '../../../shared/access/actions.js'
import type { ErrorCode } from '../../../shared/errors.js'
import type { AnswerMemory } from '../answer-memory.js'
import type { Caller } from '../caller.js'
import type { Quotas } from '../limits/concurrency.js'
import { type RequestName, type RequestSchema, requests, type SchemaName } from '../openapi/schemas.js'
import { strict } from '../strict.js'
import { httpAnswer } from './answers.js'
import { callerOf, goneSignal, parse } from './request.js'

/** What is said of a route: from it come its registration, its entry of the OpenAPI document and the tests' tables. */
export type RouteFacts<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends RequestName = RequestName,
> = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As OpenAPI writes it: `/agents/{agent_id}`. */
  path: string
  /** The operation's id in the OpenAPI document. */
  id: string
  tag: keyof typeof tags
  summary: string
  description?: string
  /** Whether the reply may last as long as a command does. */
  live?: boolean
  /** Whether it gives a list: that is compressed, and has an `ETag`. */
  list?: boolean
  params?: Params
  query?: Query
  /** Headers that it reads, for the document alone. */
  headers?: z.ZodObject
  /** `limit`: bytes; without it as many as any body may have. */
  body?: { schema: Body; type: 'application/json' | 'application/x-www-form-urlencoded'; limit?: number }
  replies: Record<number, Reply>
  /** Codes of the closed table that it can answer with, besides those that any route of its kind can. */
  errors: readonly ErrorCode[]
}

export type Reply = {
  description: string
  /** By media type; bytes and texts have no schema of ours. */
  content?: Record<string, Content>
  headers?: Record<string, string>
}

/** A schema, a list of one, or bytes and texts, each of which says what one looks like. */
export type Content = SchemaName | { list: SchemaName } | { plain: string; example: unknown }

export const tags = {
  login: 'Tokens, and who one is.',
  users: 'Accounts, their logins and their API tokens.',
  agents: 'The machines, and running commands on them.',
  enrolment: 'How machines join: tokens, keys and assigned labels.',
  commands: 'The history, and one command with its output and events.',
  access: 'Who may do what, where: the policy, and why something is allowed or not.',
  audit: 'Who did what.',
  install: 'What brings an agent to a machine.',
  service: 'How the controller itself is, for people, probes and scrapers.',
} as const

/** Facts, with who may use the route. */
export type DocumentedRoute = RouteFacts & { access: Access }

/** A route before its operation has said who may use it. */
export type RouteDefinition = RouteFacts & { handle(call: HttpCall): unknown }

export type Route = RouteDefinition & { access: Access }

/** One request of a route. */
export type HttpCall<Params = unknown, Query = unknown, Body = unknown> = {
  request: FastifyRequest
  reply: FastifyReply
  params: Params
  query: Query
  /** Throws VALIDATION_FAILED: read it where what is asked of is known to exist. */
  body(): Body
  /** Who calls. Throws UNAUTHORIZED where an open route has no caller. */
  caller(): Caller
  /** Aborts when the reply is over. */
  signal(): AbortSignal
  /** Resolves when an answer of about so many bytes may be built. */
  admit(bytes: number): Promise<void>
  /** Says that this request has proven who calls. */
  know(): void
  /** Takes one more of the caller's subscriptions; what it gives returns it. Throws RATE_LIMITED. */
  subscribe(): () => void
}

/** The content of a reply that is JSON of this schema. */
export const json = (schema: SchemaName) => ({ 'application/json': schema })

const none = z.object({})

/** A route with its own handler; what comes by the path and the query is parsed before it is called. */
export function route<
  Params extends z.ZodObject = typeof none,
  Query extends z.ZodObject = typeof none,
  Body extends RequestName = never,
>(
  definition: RouteFacts<Params, Query, Body> & {
    handle(call: HttpCall<z.output<Params>, z.output<Query>, z.output<RequestSchema<Body>>>): unknown
  },
): RouteDefinition {
  const { handle } = definition
  // Parsed by the definition's own schemas: the call that its handler is given is of those types.
  return { ...definition, handle: (call) => handle(call as Parameters<typeof handle>[0]) }
}

/** How FastifyInstance writes the places of a path. */
function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

export type RouteServices = {
  quotas: Quotas
  answers: AnswerMemory
  /** Called when a request on this connection has proven who calls. */
  know: (connection: Socket) => void
}

export function registerRoute(app: FastifyInstance, route: Route, services: RouteServices): void {
  const { method, path, access, live, body, tag } = route
  const options = {
    method,
    url: fastifyPath(path),
    config: { access, ...(live ? { live } : {}), uncounted: tag === 'service' },
    ...(body?.limit === undefined ? {} : { bodyLimit: body.limit }),
    handler: (request: FastifyRequest, reply: FastifyReply) =>
      route.handle(callOf(route, request, reply, services)),
  }
  if (body?.type !== 'application/x-www-form-urlencoded') return void app.route(options)
  // In a scope of its own: nothing else takes a form.
  app.register(async (scope) => {
    await scope.register(formbody)
    scope.route(options)
  })
}

function callOf(
  { params = none, query = none, body }: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  { answers, know, quotas }: RouteServices,
): HttpCall {
  return {
    request,
    reply,
    params: parse(params, request.params, 'path'),
    query: parse(strict(query), request.query, 'query'),
    body: () => (body ? parse(strict(requests[body.schema]), request.body, 'body') : undefined),
    caller: () => callerOf(request),
    signal: () => goneSignal(reply),
    admit: (bytes) => httpAnswer(answers, request, reply).admit(callerOf(request).name, bytes),
    know: () => know(request.raw.socket),
    subscribe: () => quotas.subscriptions.take(callerOf(request).name),
  }
}
