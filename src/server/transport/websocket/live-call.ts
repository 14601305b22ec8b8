import { tracked } from '@trpc/server'
import type { z } from 'zod'
import type { Access } from '../../../shared/access/actions.js'
import type { Caller } from '../caller.js'
import { type Context, toTrpcError } from '../trpc/trpc.js'
import type { FlushPolicy } from './writer.js'

/**
 * The calls that carry nearly all traffic (`execute`, `commands.follow`, and an agent's link and reports), written
 * apart from their server: tRPC serves them to any client of its protocol, the fast path to those that also
 * read binary frames.
 */

/** One event of a subscription, with the id to resume after. */
export type LiveEvent<T extends object> = {
  id: string
  data: T
  /** 'next_tick' where nothing is said. */
  flush?: FlushPolicy
}

export type CallFacts = { ctx: Context; caller: Caller; signal: AbortSignal }

type Definition<Schema extends z.ZodType> = { access: Access; input: Schema }

/** A subscription: `events` is what it gives, `open` the same for input that is not parsed yet. */
export function liveSubscription<Schema extends z.ZodType, T extends object>(
  call: Definition<Schema> & {
    events(facts: CallFacts & { input: z.output<Schema> }): AsyncGenerator<LiveEvent<T>, void>
  },
) {
  const open = (raw: unknown, facts: CallFacts) => call.events({ ...facts, input: call.input.parse(raw) })
  return { ...call, type: 'subscription' as const, open }
}

/** A mutation: `answer` is what it gives, `open` the same for input that is not parsed yet. */
export function liveMutation<Schema extends z.ZodType, T>(
  call: Definition<Schema> & {
    answer(facts: CallFacts & { input: z.output<Schema> }): Promise<T>
  },
) {
  const open = (raw: unknown, facts: CallFacts) => call.answer({ ...facts, input: call.input.parse(raw) })
  return { ...call, type: 'mutation' as const, open }
}

/** A subscription's events as tRPC takes them, each once there is room for it. */
export async function* trackedEvents<T extends object>(
  events: AsyncGenerator<LiveEvent<T>, void>,
  { connection }: Context,
  signal: AbortSignal,
) {
  try {
    for await (const { id, data } of events) {
      await connection.gate?.reserve(signal)
      yield tracked(id, data)
    }
  } catch (error) {
    // Thrown after its procedure has returned, an error would pass by what gives it its code.
    throw toTrpcError(error)
  }
}

/** What the fast path needs of a call. */
export type LiveCall = { access: Access } & (
  | { type: 'subscription'; open(raw: unknown, facts: CallFacts): AsyncGenerator<LiveEvent<object>, void> }
  | { type: 'mutation'; open(raw: unknown, facts: CallFacts): Promise<unknown> }
)
