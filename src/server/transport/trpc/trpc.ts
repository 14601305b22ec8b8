import { initTRPC, TRPCError } from '@trpc/server'
import { ZodError } from 'zod'
import type { Access } from '../../../shared/access/actions.js'
import { type ErrorCode, errorTable, isErrorCode, OgentError, retryAfter } from '../../../shared/errors.js'
import { transformer } from '../../../shared/wire/transformer.js'
import type { Caller } from '../caller.js'
import { toIssues } from '../http/validation.js'
import type { Policy } from '../policy.js'
import type { TransportServices } from '../services.js'
import type { SocketGate } from '../websocket/gate.js'
import { tooManyCalls } from './batches.js'
import type { Meta } from './meta.js'

/** Characters of a path that an error repeats. */
const SHOWN_PATH = 128

/** The transport that a call came by. */
export type Connection = {
  /** Where it comes from: an IP address. */
  address: string
  /** Whether it carries binary frames, so that its subscribers may ask for bytes. */
  binary: boolean
  /** Resolves when what was sent before has left the process, but for a little: the back-pressure. */
  writable(signal: AbortSignal): Promise<void>
  /** Bounds what the socket holds; absent on HTTP, where a request is one call, or one batch. */
  gate?: SocketGate
  /**
   * Resolves when an answer of about so many bytes may be built for this account, with what is to be called when it was
   * sent. Throws CLOSED, RATE_LIMITED, PAYLOAD_TOO_LARGE.
   */
  admit(account: string, bytes: number): Promise<() => void>
  /** Counts a call of this caller. Throws RATE_LIMITED where it is one too many. */
  countCall(identity: Caller | OgentError): Promise<void>
  /** The account that is logged in on this socket. */
  account?: string
  /** The agent that said hello here: its reports are taken from no other connection. */
  agentId?: string
  /** Whether that agent's link is open, or about to be. */
  hasLink?: boolean
}

export type Context = {
  services: TransportServices
  /** Who calls, or why that is not known. */
  identity: Caller | OgentError
  connection: Connection
  /** The trace that a call by HTTP is a part of (W3C `traceparent`). */
  traceparent?: string | undefined
  /** Of a call by HTTP, as the header `Request-Id` says. */
  request_id?: string | undefined
}

const t = initTRPC
  .context<Context>()
  .meta<Meta>()
  .create({
    transformer,
    isDev: false,
    errorFormatter({ shape, error, ctx }) {
      const known = knownError(error)
      return {
        ...shape,
        message: known.message,
        data: {
          code: shape.data.code,
          httpStatus: known.status,
          path: shape.data.path?.slice(0, SHOWN_PATH) ?? null,
          ogent: {
            code: known.code,
            retryable: known.retryable,
            issues: known.issues ?? null,
            risks: known.risks ?? null,
            retry_after_seconds: retryAfter(known) ?? null,
            request_id: ctx?.request_id ?? null,
          },
        },
      }
    },
  })

export const router = t.router

const guarded = t.procedure.use(async ({ ctx, meta, type, next }) => {
  const caller = await checkCaller(ctx, meta)
  const call = type === 'subscription' ? undefined : await enterCall(ctx, caller)
  try {
    const result = await next({ ctx: { caller, admit: call?.admit ?? admitNothing } })
    if (type === 'mutation') await ctx.connection.gate?.answerable()
    if (result.ok) return result
    return { ...result, error: toTrpcError(result.error) }
  } finally {
    // By then the answer is written, and counts as unread.
    if (call) setImmediate(call.leave)
  }
})

/** Resolves when an answer of about so many bytes may be built: to be asked before what it is made of is read. */
export type Admit = (bytes: number) => Promise<void>

type EnteredCall = { admit: Admit; leave: () => void }

/** A place for a call of a socket's, which begins when the answers before it were read. Throws CLOSED. */
async function enterCall({ connection }: Context, caller: Caller | undefined): Promise<EnteredCall> {
  const { gate } = connection
  const leaves: (() => void)[] = []
  const leave = () => {
    for (const each of leaves.splice(0)) each()
  }
  const admit = async (bytes: number) => {
    leaves.push(await connection.admit(mustKnow(caller).name, bytes))
  }
  try {
    if (gate) {
      leaves.push(await gate.enter())
      await gate.answerable()
      // It may have waited for long.
      gate.assertOpen()
    }
    return { admit, leave }
  } catch (error) {
    leave()
    throw toTrpcError(error)
  }
}

const admitNothing: Admit = async () => {}

/** A procedure for those who may use `access`. */
export function procedure(access: Access) {
  return guarded.meta({ access })
}

async function checkCaller(ctx: Context, meta: Meta | undefined): Promise<Caller | undefined> {
  try {
    return await admitCall(ctx, meta?.access)
  } catch (error) {
    throw toTrpcError(error)
  }
}

/** Who calls, for procedures and routes alike. Throws UNAUTHORIZED, and FORBIDDEN where the caller may never do that. */
export function checkAccess(
  policy: Policy,
  identity: Caller | OgentError,
  access: Access | undefined,
): Caller | undefined {
  if (access === undefined) throw new OgentError('FORBIDDEN', 'No role may use this.')
  if (access === 'open') return identity instanceof OgentError ? undefined : identity
  if (identity instanceof OgentError) throw identity
  // A link stays open as long as its socket does: its agent logs in again at the next connection.
  if (access !== 'agents.link' && identity.expires_at <= Date.now()) {
    throw new OgentError('UNAUTHORIZED', 'The token has expired.')
  }
  if (access === 'agents.link' && identity.via === 'api_token' && !identity.roles.includes('agent')) {
    const sentence = 'An API token opens no link of an agent, unless its owner has the role agent.'
    throw new OgentError('FORBIDDEN', sentence)
  }
  if (access !== 'any') policy.authorize(identity, access)
  return identity
}

/**
 * Counts a call, and says who calls. Throws RATE_LIMITED, and as `checkAccess`. The link of an agent and its reports are
 * not counted: receipts and the socket's gate bound those, and an agent that is refused would send them again.
 */
export async function admitCall(
  { services, connection, identity }: Context,
  access: Access | undefined,
): Promise<Caller | undefined> {
  if (access !== 'agents.link') await connection.countCall(identity)
  return checkAccess(services.policy, identity, access)
}

/** Who calls, where the procedure's access has made sure that it is known. */
export function mustKnow(caller: Caller | undefined): Caller {
  if (!caller) throw new OgentError('UNAUTHORIZED', 'A token is needed.')
  return caller
}

/** Counts a subscription of the caller's; the function that it gives ends the counting. Throws RATE_LIMITED. */
export function enter({ quotas }: TransportServices, { name }: Caller): () => void {
  return quotas.subscriptions.take(name)
}

/** The one door at which what is unknown becomes known: nothing of an unexpected error leaves the process. */
export function knownError(error: unknown): OgentError {
  if (error instanceof OgentError) return error
  if (error instanceof ZodError) {
    const issues = toIssues(error)
    const said = issues.map(({ loc, msg }) => `${loc.join('.') || 'request'}: ${msg}`)
    return new OgentError('VALIDATION_FAILED', said.join('; '), { issues })
  }
  if (error instanceof TRPCError) {
    if (error.cause instanceof OgentError || error.cause instanceof ZodError) return knownError(error.cause)
    if (error.code === 'INTERNAL_SERVER_ERROR')
      return new OgentError('INTERNAL', 'Internal error', { cause: error })
    const code = codeOf(error.code)
    const sentence = tooManyCalls(error.message) ?? shortened(error.message)
    return new OgentError(code, sentence || errorTable[code].title, { cause: error })
  }
  return new OgentError('INTERNAL', 'Internal error', { cause: error })
}

/** tRPC's own sentences repeat the path that was asked for, regardless of its length. */
function shortened(message: string): string {
  return message.length <= 2 * SHOWN_PATH ? message : `${message.slice(0, 2 * SHOWN_PATH)}…`
}

function codeOf(trpc: TRPCError['code']): ErrorCode {
  if (trpc === 'PARSE_ERROR') return 'BAD_REQUEST'
  if (isErrorCode(trpc)) return trpc
  const found = Object.entries(errorTable).find(([, row]) => row.trpc === trpc)?.[0]
  return isErrorCode(found) ? found : 'BAD_REQUEST'
}

/** The same error as tRPC throws it. */
export function toTrpcError(error: unknown): TRPCError {
  const known = knownError(error)
  return new TRPCError({ code: errorTable[known.code].trpc, message: known.message, cause: known })
}
