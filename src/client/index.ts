/** `ogent/client`: the SDK, for Node.js and browsers. */

export type { AppRouter } from '../server/api/router.js'
export type { Agent, AgentEvent, AgentInfo } from '../shared/agent.js'
export type {
  AiProcessing,
  Analysis,
  AnalyzeRequest,
  CommandAnalysis,
  Enrichment,
  Optimization,
  RiskLevel,
  Validation,
} from '../shared/analysis.js'
export type { CommandRequest, Encoding, ExecutionTarget } from '../shared/command.js'
export { type ErrorCode, errorTable, OgentError, type ValidationIssue } from '../shared/errors.js'
export type { CommandEvent, OutputEvent, RawCommandEvent, ResultEvent, StreamName } from '../shared/event.js'
export type { Identity, Role } from '../shared/identity.js'
export type { CommandDetail, CommandPage, CommandRecord, RecordStatus } from '../shared/record.js'
export type { CommandResult, CommandStatus, ExecutionType } from '../shared/result.js'
export {
  type CommandFilter,
  createOgentClient,
  type OgentClient,
} from './client.js'
export type { Credentials } from './credentials.js'
export type { OgentClientOptions } from './options.js'
export { assertOk, type CommandOutcome, type CommandRun, type OutputChunk } from './run.js'
