import type { z } from 'zod'
import type { Access } from '../../shared/access/actions.js'
import type { Caller } from './caller.js'
import { traceOf } from './http/request.js'
import type { HttpCall, Reply, Route, RouteDefinition, RouteFacts } from './http/route.js'
import type { RequestName, RequestSchema } from './openapi/schemas.js'
import { strict } from './strict.js'
import { type Admit, type Context, mustKnow, procedure } from './trpc/trpc.js'
import {
  type CallFacts,
  type LiveEvent,
  liveMutation,
  liveSubscription,
  trackedEvents,
} from './websocket/live-call.js'

export { linkToNext } from './http/next-page.js'
export { json, route } from './http/route.js'

/**
 * An operation is written once, in the `operations.ts` of its capability: who may use it, what it takes, what it does,
 * and the routes that REST has for it. The tRPC procedure, the routes, the OpenAPI document and the tables of the access
 * test are made of it.
 */
export type Operation = { procedure: unknown; routes: readonly Route[] }

/** One call of an operation, by whichever way it came. */
export type Call<Input> = {
  input: Input
  /** Who calls. Throws UNAUTHORIZED where an open operation has no caller. */
  caller(): Caller
  /** Aborts when the caller is gone. */
  signal: AbortSignal
  /** The caller's IP address. */
  address: string
  /** The trace that the call is a part of (W3C Trace Context). */
  traceparent: string | undefined
  /** Resolves when an answer of about so many bytes may be built: to be asked before what it is made of is read. */
  admit: Admit
}

type Definition<Input, Output> = {
  access: Access
  run(call: Call<Input>): Output | Promise<Output>
  /** REST's way to `run`, where a request's fields are the input and its output is the reply. */
  http?: DerivedRoute<Input, NoInfer<Output>>
  /** What REST has besides, each with its own handler. */
  routes?: readonly RouteDefinition[]
}

/** An operation that changes nothing. */
export function query<Schema extends z.ZodType, Output>(
  definition: Definition<z.output<Schema>, Output> & { input: Schema },
) {
  const made = procedure(definition.access)
    .input(strict(definition.input))
    .query(({ ctx, input, signal }) => definition.run(callOf<z.output<Schema>>(ctx, input, signal)))
  return { procedure: made, routes: routesOf(definition) }
}

/** An operation that changes something. */
export function mutation<Schema extends z.ZodType, Output>(
  definition: Definition<z.output<Schema>, Output> & { input: Schema },
) {
  const made = procedure(definition.access)
    .input(strict(definition.input))
    .mutation(({ ctx, input, signal }) => definition.run(callOf<z.output<Schema>>(ctx, input, signal)))
  return { procedure: made, routes: routesOf(definition) }
}

/** A query without an input. */
export function plainQuery<Output>(definition: Definition<unknown, Output>) {
  const made = procedure(definition.access).query(({ ctx, signal }) =>
    definition.run(callOf<unknown>(ctx, undefined, signal)),
  )
  return { procedure: made, routes: routesOf(definition) }
}

type LiveDefinition<Schema extends z.ZodType> = {
  access: Access
  input: Schema
  /** Of an agent's link: an agent of a later version may say more than is known here. */
  takesNewerInput?: boolean
  routes?: readonly RouteDefinition[]
}

/** An operation that gives events, one after the other: `call` is what the fast path serves of it. */
export function subscription<Schema extends z.ZodType, Event extends object>(
  definition: LiveDefinition<Schema> & {
    events(facts: CallFacts & { input: z.output<Schema> }): AsyncGenerator<LiveEvent<Event>, void>
  },
) {
  const input = definition.takesNewerInput ? definition.input : strict(definition.input)
  const call = liveSubscription({ ...definition, input })
  const made = procedure(definition.access)
    .input(input)
    .subscription(({ ctx, input, signal = never }) =>
      trackedEvents(
        // As the procedure has just parsed it by the same schema.
        call.events({ ctx, caller: mustKnow(ctx.caller), input: input as z.output<Schema>, signal }),
        ctx,
        signal,
      ),
    )
  return { procedure: made, call, routes: routesOf(definition) }
}

/** A mutation that the fast path serves as well; it has the connection that it came by. */
export function linkMutation<Schema extends z.ZodType, Output extends z.ZodType>(
  definition: LiveDefinition<Schema> & {
    output: Output
    answer(facts: CallFacts & { input: z.output<Schema> }): Promise<z.output<Output>>
  },
) {
  const call = liveMutation(definition)
  const made = procedure(definition.access)
    .input(definition.input)
    .output(definition.output)
    .mutation(
      ({ ctx, input, signal = never }) =>
        // The input as the procedure has just parsed it; the output as the definition's types have it.
        call.answer({
          ctx,
          caller: mustKnow(ctx.caller),
          input: input as z.output<Schema>,
          signal,
        }) as Promise<never>,
    )
  return { procedure: made, call, routes: routesOf(definition) }
}

/** The procedures of a group of operations, by their names. */
export function proceduresOf<Group extends Record<string, Operation>>(
  group: Group,
): { [Name in keyof Group]: Group[Name]['procedure'] } {
  const made = Object.entries(group).map(([name, { procedure }]) => [name, procedure])
  // The same keys, each with its own procedure.
  return Object.fromEntries(made) as { [Name in keyof Group]: Group[Name]['procedure'] }
}

export function routesOfAll(group: Record<string, Operation>): Route[] {
  return Object.values(group).flatMap(({ routes }) => routes)
}

type DerivedRoute<Input, Output> = RouteFacts & {
  read(call: HttpCall): Input
  /** What is sent of an output; without it the output itself. */
  toReply?(output: Output): unknown
}

/** A route whose handler is the operation itself: the fields of its path, query and body are the input. */
export function derived<
  Output,
  Params extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Query extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Body extends RequestName = never,
>(
  facts: RouteFacts<Params, Query, Body> & { toReply?(output: Output): unknown },
): DerivedRoute<
  z.output<Params> & z.output<Query> & ([Body] extends [never] ? unknown : z.output<RequestSchema<Body>>),
  Output
> {
  const read = ({ params, query, body }: HttpCall) => ({
    ...fields(params),
    ...fields(query),
    ...fields(body()),
  })
  // Parsed by the schemas of the facts, which are what the type is made of.
  return { ...facts, read: read as never }
}

function fields(part: unknown): object {
  return typeof part === 'object' && part !== null ? part : {}
}

function routesOf<Input, Output>({
  access,
  http,
  routes = [],
  run,
}: Partial<Definition<Input, Output>> & { access: Access }): Route[] {
  const own = http && run ? [derivedRoute(http, run)] : []
  return [...own, ...routes].map((route) => ({ ...route, access }))
}

function derivedRoute<Input, Output>(
  { read, toReply, ...facts }: DerivedRoute<Input, Output>,
  run: Definition<Input, Output>['run'],
): RouteDefinition {
  const status = statusOf(facts.replies)
  const handle = async (call: HttpCall) => {
    const output = await run({
      input: read(call),
      caller: call.caller,
      signal: call.signal(),
      address: call.request.ip,
      traceparent: traceOf(call.request),
      admit: call.admit,
    })
    call.reply.status(status)
    if (status === 204) return call.reply.send()
    return toReply ? toReply(output) : output
  }
  return { ...facts, handle }
}

/** The one reply that is no error. */
function statusOf(replies: Record<number, Reply>): number {
  return Math.min(...Object.keys(replies).map(Number))
}

function callOf<Input>(
  ctx: Context & { caller: Caller | undefined; admit: Admit },
  input: unknown,
  signal: AbortSignal = never,
): Call<Input> {
  return {
    // As the procedure has just parsed it by the operation's schema.
    input: input as Input,
    caller: () => mustKnow(ctx.caller),
    signal,
    address: ctx.connection.address,
    traceparent: ctx.traceparent,
    admit: ctx.admit,
  }
}

const never = new AbortController().signal
