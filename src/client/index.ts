// The declarations of @trpc/server name Disposable and AsyncDisposable, which a project has to have by its `lib`.
/// <reference lib="esnext.disposable" preserve="true" />

/** `ogent/client`: the SDK, for Node.js and browsers. */

export type { AppRouter } from '../server/app-router.js'
export type { Action } from '../shared/access/actions.js'
export type {
  AuditActor,
  AuditCheckpoint,
  AuditCheckpoints,
  AuditFilter,
  AuditPage,
  AuditRecord,
  AuditVerdict,
  AuditWitness,
  AuditWitnesses,
} from '../shared/access/audit.js'
export type {
  AccessExplanation,
  AgentExplanation,
  ConsideredGrant,
  ExplainRequest,
  PolicyCheck,
  PolicyFault,
  PolicyReply,
} from '../shared/access/explain.js'
export type { CallerIdentity, Identity, Role } from '../shared/access/identity.js'
export type { CreatedJoinToken, JoinToken, JoinTokenRequest, JoinUse } from '../shared/access/join.js'
export type {
  AccessPolicy,
  AccessPolicyInput,
  Binding,
  CommandRule,
  Decision,
  Grant,
  GrantInput,
  PolicyTest,
  Risk,
  WordRule,
  WrittenPolicy,
} from '../shared/access/policy.js'
export type {
  ApiToken,
  ApiTokenList,
  ApiTokenQuery,
  MadeApiToken,
  NewApiToken,
} from '../shared/access/tokens.js'
export type {
  AccountKind,
  NewUser,
  PasswordChange,
  User,
  UserChange,
  UserPage,
  UserQuery,
  UserSession,
  UserSessions,
} from '../shared/access/users.js'
export type {
  Agent,
  AgentChangeEvent,
  AgentConnectedEvent,
  AgentDisconnectedEvent,
  AgentEvent,
  AgentForgottenEvent,
  AgentIdentityInfo,
  AgentInfo,
  AgentSnapshotEvent,
} from '../shared/agents/agent.js'
export type { AgentFilter } from '../shared/agents/query.js'
export type {
  AllSelector,
  AndSelector,
  FieldSelector,
  IdsSelector,
  NotSelector,
  OrSelector,
  RunSelector,
  Selector,
  SelectorOperator,
  SetSelector,
  TargetOutcome,
} from '../shared/agents/selector/tree.js'
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
  CancelRequestedEvent,
  CommandEvent,
  OutputEvent,
  PresenceChangeEvent,
  RawCommandEvent,
  RawCommandResult,
  RawOutputEvent,
  RawResultEvent,
  ResponseEvent,
  ResultEvent,
  StartedEvent,
  StreamName,
  WaitingEvent,
} from '../shared/commands/event.js'
export type { CommandInputReply, InputState } from '../shared/commands/input.js'
export type { CommandOutcome } from '../shared/commands/outcome.js'
export type {
  CommandDetail,
  CommandFilter,
  CommandPage,
  CommandRecord,
  RecordStatus,
} from '../shared/commands/record.js'
export type { CommandRequest, Encoding, ExecutionTarget } from '../shared/commands/request.js'
export type { CommandResult, CommandStatus, ExecutionType, ResultError } from '../shared/commands/result.js'
export {
  type ErrorCode,
  errorTable,
  OgentError,
  type OgentErrorOptions,
  type ValidationIssue,
} from '../shared/errors.js'
export type { AccessMethods, PolicyMethods } from './access/methods.js'
export type { JoinTokenMethods } from './agents/join-tokens.js'
export type { AgentList, AgentMethods } from './agents/methods.js'
export type { AgentRunOptions, RemoteAgent } from './agents/remote-agent.js'
export type { AuditMethods } from './audit/methods.js'
export { createOgentClient, type OgentClient } from './client.js'
export { assertOk } from './commands/failure.js'
export type { InputStream } from './commands/input-stream.js'
export type {
  AttachOptions,
  CommandList,
  CommandMethods,
  ExecuteOptions,
  ExecuteRequest,
  StartedCommand,
} from './commands/methods.js'
export type { NodeWritable } from './commands/node-sink.js'
export type { CollectOptions, LineOptions, OutputChunk, OutputLine } from './commands/output.js'
export type { PipeDestination, PipeOptions } from './commands/pipe.js'
export type { CommandRun } from './commands/run.js'
export { dangerouslyRaw, type RawShellText, type ShellValue, type ShellWord } from './commands/shell.js'
export type { InputPiece, StdinWriter } from './commands/stdin.js'
export type {
  CallOptions,
  ConnectionOptions,
  DefaultCredentials,
  LoopOptions,
  OgentClientOptions,
} from './options.js'
export type { TokenMethods } from './tokens/methods.js'
export type { Credentials, PasswordCredentials, TokenCredentials } from './transport/credentials.js'
export type { Fetch, FetchInit, FetchReply } from './transport/reach.js'
export type {
  ClosedStatus,
  ConnectedStatus,
  ConnectingStatus,
  ConnectionStatus,
  IdleStatus,
  ReconnectingStatus,
} from './transport/status.js'
export type { UserMethods, UserSessionMethods } from './users/methods.js'
