import type { TRPCClient } from '@trpc/client'
import type { AppRouter } from '../server/app-router.js'
import type { CallerIdentity } from '../shared/access/identity.js'
import type { Analysis, AnalyzeRequest } from '../shared/analysis/analysis.js'
import { untilAborted } from './abort.js'
import { type AccessMethods, accessMethods, type PolicyMethods, policyMethods } from './access/methods.js'
import { type JoinTokenMethods, joinTokenMethods } from './agents/join-tokens.js'
import { type AgentMethods, agentMethods } from './agents/methods.js'
import { type RemoteAgent, remoteAgent } from './agents/remote-agent.js'
import { type AuditMethods, auditMethods } from './audit/methods.js'
import { download, type Fetched } from './commands/download.js'
import {
  type CommandMethods,
  commandMethods,
  type ExecuteOptions,
  type ExecuteRequest,
  executeMethod,
} from './commands/methods.js'
import type { CommandRun } from './commands/run.js'
import { createConnection } from './connection.js'
import { asyncDispose } from './dispose.js'
import { type CallOptions, type LoopOptions, type OgentClientOptions, resolveOptions } from './options.js'
import { type TokenMethods, tokenMethods } from './tokens/methods.js'
import { TokenKeeper } from './transport/credentials.js'
import { SessionPool } from './transport/pool.js'
import type { ConnectionStatus } from './transport/status.js'
import { type UserMethods, userMethods } from './users/methods.js'

/** A client of one controller. Every method throws `OgentError`, but for what a token function of yours throws. */
export interface OgentClient extends AsyncDisposable {
  /** Runs a command. The handle is live at once: loop over it, await it, or both. */
  execute(request: ExecuteRequest, options?: ExecuteOptions): CommandRun
  /** One agent, to run commands there: `` ogent.agent('web-1').sh`uptime` ``. */
  agent(agent_id: string): RemoteAgent
  /** Commands of before, by their ids, and commands that go on by themselves. */
  commands: CommandMethods
  /** The agents that the controller knows. */
  agents: AgentMethods
  /** Who may do what, where. */
  policy: PolicyMethods
  /** What is allowed, and why. */
  access: AccessMethods
  /** Who did what, for those who may read it. */
  audit: AuditMethods
  /** The accounts of the controller, and their logins. */
  users: UserMethods
  /** API tokens, by which programs do without a login. */
  tokens: TokenMethods
  /** Join tokens, by which machines join. */
  joinTokens: JoinTokenMethods
  /** What a command would do, said without running it. */
  analyze(request: AnalyzeRequest, options?: CallOptions): Promise<Analysis>
  /** Who this client is to the controller. */
  me(options?: CallOptions): Promise<CallerIdentity>
  /**
   * The state of the connection to the controller: at once as it is now, then as it changes, until the client is closed.
   * A loop that falls behind gets the newest state next, without those in between. The first call connects, not this;
   * but while a loop runs, a lost connection is made again even where no call needs it. Leaving the loop ends that.
   */
  status(options?: LoopOptions): AsyncIterable<ConnectionStatus>
  /** The typed tRPC client itself, over the same sessions. */
  trpc: TRPCClient<AppRouter>
  /** Ends the client; handles that are open fail with CLOSED. Commands go on. */
  close(): Promise<void>
  /** Closes the client at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

const CONNECT_TIMEOUT_MS = 15_000

/**
 * A client, by the options, and on Node.js by the environment where they say nothing: `createOgentClient()` alone uses
 * `OGENT_URL`, `OGENT_TOKEN` and their like, or what `ogent login` keeps. Throws VALIDATION_FAILED for options that can never
 * work, and without any login; UNAUTHORIZED for a saved login that cannot be read.
 */
export function createOgentClient(given: OgentClientOptions = {}): OgentClient {
  const options = resolveOptions(given)
  const { url, ca, proxy, fetch } = options
  const reach = { ca, proxy, fetch }
  const tokens = new TokenKeeper(url, options, reach)
  const pool = new SessionPool(url, tokens, reach)
  const { connectTimeoutMs: firstContactMs = CONNECT_TIMEOUT_MS, throwOnError = false } = options
  const connection = createConnection({ pool, firstContactMs, throwOnError })
  const { trpc, call } = connection
  const execute = executeMethod(connection)
  const agents = agentMethods(connection)
  const fetched = (file: Fetched) => download({ ...file, url, tokens, reach })
  const close = async () => pool.close()
  return {
    execute,
    agent: (agent_id) => remoteAgent(agent_id, execute, agents),
    commands: commandMethods(connection, fetched),
    agents,
    policy: policyMethods(connection),
    access: accessMethods(connection),
    audit: auditMethods(connection, fetched),
    users: userMethods(connection),
    tokens: tokenMethods(connection),
    joinTokens: joinTokenMethods(connection),
    analyze: (request, calling) => call((each) => trpc.analyze.mutate(request, each), calling),
    me: (calling) => call((each) => trpc.auth.me.query(undefined, each), calling),
    status: ({ signal } = {}) => untilAborted(pool.statuses, signal),
    trpc,
    close,
    [asyncDispose]: close,
  }
}
