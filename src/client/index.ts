// The declarations of @trpc/server name Disposable and AsyncDisposable, which a project has to have by its `lib`.
/// <reference lib="esnext.disposable" preserve="true" />

/** `ogent/client`: the SDK, for Node.js and browsers. */

export type { AppRouter } from '../server/app-router.js'
export type { Identity, Role } from '../shared/access/identity.js'
export type { Agent, AgentEvent, AgentInfo } from '../shared/agents/agent.js'
export type {
  AiProcessing,
  Analysis,
  AnalyzeRequest,
  CommandAnalysis,
  Enrichment,
  Optimization,
  RiskLevel,
  Validation,
} from '../shared/analysis/analysis.js'
export type {
  CommandEvent,
  OutputEvent,
  RawCommandEvent,
  ResultEvent,
  StreamName,
} from '../shared/commands/event.js'
export type { CommandDetail, CommandPage, CommandRecord, RecordStatus } from '../shared/commands/record.js'
export type { CommandRequest, Encoding, ExecutionTarget } from '../shared/commands/request.js'
export type { CommandResult, CommandStatus, ExecutionType } from '../shared/commands/result.js'
export { type ErrorCode, errorTable, OgentError, type ValidationIssue } from '../shared/errors.js'
export {
  type CommandFilter,
  createOgentClient,
  type OgentClient,
} from './client.js'
export { assertOk, type CommandOutcome, type CommandRun, type OutputChunk } from './commands/run.js'
export type { OgentClientOptions } from './options.js'
export type { Credentials } from './transport/credentials.js'
export type {
  ClosedStatus,
  ConnectedStatus,
  ConnectingStatus,
  ConnectionStatus,
  IdleStatus,
  ReconnectingStatus,
} from './transport/status.js'
