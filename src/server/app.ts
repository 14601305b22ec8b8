import type { AddressInfo } from 'node:net'
import { BoundedGuard, threadLimits } from '../guard/bounded.js'
import { threadModule } from '../guard/thread-module.js'
import type { Work } from '../guard/work.js'
import { openLog } from '../host/log.js'
import { installCommand } from '../host/optional-packages.js'
import { sampleSecrets } from '../host/settings.js'
import { TimedWorker } from '../host/timed-worker.js'
import { openTracingTo } from '../host/tracing/open.js'
import { packageVersion } from '../host/version.js'
import type { OrderKey } from '../shared/access/join.js'
import { messageOf } from '../shared/errors.js'
import { principalOf } from './access/accounts.js'
import { ApiTokens } from './access/api-tokens.js'
import { AuditLog, type AuditState } from './access/audit/log.js'
import { startAuditRetention } from './access/audit/retention.js'
import { AuditService } from './access/audit/service.js'
import { openSinks } from './access/audit/sinks.js'
import { Callers, loginTokens } from './access/callers.js'
import { Login } from './access/login.js'
import { openAccounts } from './access/open-accounts.js'
import { hashPassword, ScryptPasswords } from './access/passwords.js'
import { accessRules, openPolicy } from './access/policy/open.js'
import { PolicyService } from './access/policy/service.js'
import type { Account, GivenAccount } from './access/ports.js'
import { Sessions } from './access/sessions.js'
import { subjectsOf } from './access/subjects.js'
import { TokenService } from './access/token-service.js'
import { JwtTokens } from './access/tokens.js'
import { UserSessionService } from './access/user-sessions.js'
import { UserService } from './access/users.js'
import type { AgentTokens } from './agents/enrolment/agent-tokens.js'
import { Enrolment } from './agents/enrolment/enrolment.js'
import { EnrolmentService } from './agents/enrolment/service.js'
import { JOIN_LIMIT } from './agents/enrolment/throttle.js'
import { Agents } from './agents/registry.js'
import { startAgentRetention } from './agents/retention.js'
import { AgentService } from './agents/service.js'
import { Witnesses } from './agents/witnesses.js'
import { LlmAdvisor, langChain } from './analysis/advisor.llm.js'
import { Analyzer } from './analysis/analyzer.js'
import { AnalysisService } from './analysis/service.js'
import { AgentWork } from './commands/dispatch/agent-work.js'
import { Dispatcher } from './commands/dispatch/dispatcher.js'
import { EventFeed } from './commands/feed.js'
import { CommandInputs } from './commands/input/service.js'
import { Reports } from './commands/intake/reports.js'
import { OpenLimits } from './commands/open-command-limits.js'
import { RequestHash } from './commands/request-hash.js'
import { startRetention } from './commands/retention.js'
import { Commands } from './commands/service.js'
import {
  type ControllerSettings,
  checkShared,
  controllerSettings,
  passwordFault,
  settingsWarnings,
} from './config.js'
import { EventSocket } from './event-socket/event-socket.protocol.js'
import { Events } from './events.js'
import { installFiles } from './install/files.js'
import { Journal } from './journal/journal.js'
import { openStorage } from './open-storage.js'
import { createRouter } from './router.js'
import type { Storage } from './stores.js'
import { Metrics } from './telemetry/metrics.js'
import type { Log } from './telemetry/ports.js'
import { CommandTraces } from './telemetry/traces.js'
import { pinOf, readTls, watchTls } from './tls.js'
import { AnswerMemory, answerLimits } from './transport/answer-memory.js'
import { createGateway } from './transport/http/gateway.js'
import { Queues, Quota } from './transport/limits/concurrency.js'
import { RequestLimit } from './transport/limits/request-limit.js'
import type { Authenticator } from './transport/services.js'

export type { AppRouter } from './app-router.js'

/** Reads of one account at work, and how many more may wait. */
const READS_AT_A_TIME = 16
const READS_WAITING = 1000

export type { Account, GivenAccount }

export type ControllerOptions = {
  /** The contract's settings; each that is left out has its default, and the environment is not read. */
  settings?: Partial<ControllerSettings>
  users?: GivenAccount[]
  log?: Log
  /**
   * Called with the admin's password as soon as one is made up and kept: a start that fails after that must not be the only one
   * that knew it.
   */
  onGenerated?: (account: { username: string; password: string }) => void
}

/** A running controller. */
export type Controller = {
  readonly url: string
  /** Set when this start made up the admin's password: it is shown once and kept only as a hash. */
  readonly generated: { username: string; password: string } | undefined
  /** Tells clients and agents to connect elsewhere, stores what is under way, stops. Commands go on. */
  close(): Promise<void>
}

/** Starts a controller. Rejects with one sentence when it cannot: a port in use, a folder it may not write. */
export async function createController(options: ControllerOptions = {}): Promise<Controller> {
  const settings: ControllerSettings = { ...controllerSettings({}), ...options.settings }
  const { LOG_LEVEL, LOG_FORMAT } = settings
  const log = options.log ?? openLog({ role: 'controller', level: LOG_LEVEL, format: LOG_FORMAT })
  for (const warning of settingsWarnings(settings)) log.warn({}, warning)
  checkShared(settings)
  const tls = readTls(settings)
  const events = new Events((error, event) =>
    log.error({ event, err: error }, 'a subscriber of an event failed'),
  )
  const storage = await openStorage(settings, log, events, (agent_id) => agents.link(agent_id) !== undefined)
  const { ownership, attendance, relay } = storage
  const { accounts, generated } = await openAccounts({
    users: storage.users,
    ended: storage.endedSessions,
    given: options.users ?? [],
    admin: { username: settings.ADMIN_USERNAME, password: settings.ADMIN_PASSWORD },
    log,
  })
  if (generated) options.onGenerated?.(generated)
  const audit = await AuditLog.open({
    store: storage.audit,
    key: storage.auditKey,
    sinks: openSinks(settings.AUDIT_SINKS),
    events,
    log,
    version: packageVersion(),
  })
  if (storage.orderKey === undefined) log.warn({}, UNSIGNED)
  for (const fact of storage.journal.recovered ?? []) audit.append(fact)
  const labelsOf = (agent_id: string) => agents.known.get(agent_id)?.assigned_labels
  const { current, door: policy } = await openPolicy({ store: storage.policies, labelsOf, events, log })
  const tokens = new JwtTokens(storage.secret, settings.ACCESS_TOKEN_EXPIRE_MINUTES, storage.deployment)
  const service = { service: 'ogent-controller', version: packageVersion() }
  const tracing = await openTracingTo(settings.OTEL_EXPORTER_OTLP_ENDPOINT, service, log)
  const traces = tracing && new CommandTraces(tracing, events)
  const measure = async () => ({
    agents: agents.counts(),
    commands: dispatcher.counts(),
    subscribers: await journal.subscribers(),
    sockets: gateway.sockets(),
    disk: await storage.disk(),
  })
  const metrics = new Metrics(packageVersion(), events, measure, () => audit.state())
  const sessions = new Sessions(storage.sessions, log)
  const { limiters } = storage
  const login = new Login({
    accounts,
    sessions,
    passwords: new ScryptPasswords(),
    tokens,
    limiters,
    log,
    events,
  })
  const apiTokens = await ApiTokens.open({
    rows: storage.tokens,
    uses: storage.tokenUses,
    accounts,
    log,
  })
  const callers = new Callers({
    schemes: [apiTokens, loginTokens(tokens, accounts, sessions)],
    accounts,
    events,
  })
  const users = new UserService({
    accounts,
    sessions,
    login,
    policy,
    hash: hashPassword,
    passwordRule: passwordFault,
    isManager: (user) =>
      policy.may({ ...principalOf(user), via: 'password', session_id: '' }, 'users.manage'),
    forgetOwner: async (user_id) =>
      void (await apiTokens.removeWhere(({ owner_id }) => owner_id === user_id)),
    events,
  })

  const journal = new Journal(storage.journal)
  const graceMs = settings.AGENT_GRACE_SECONDS * 1000
  const enrolment = new Enrolment({
    rows: storage.enrolment,
    installation: storage.deployment,
    secret: storage.secret,
    pin: () => tls && pinOf(tls),
    passwords: settings.AGENT_PASSWORDS === 'on',
    failures: limiters(JOIN_LIMIT),
    known: (agent_id) => agents.findKnown(agent_id),
    orderKeys: () => orderKeysOf(storage.orderKey),
    log,
    events,
  })
  await enrolment.load()
  const agents = new Agents({
    enrolled: enrolment,
    directory: storage.directory,
    log,
    events,
    maxPerUser: settings.MAX_AGENTS_PER_USER,
    graceMs,
  })
  await agents.load()
  const reports = new Reports({
    journal,
    maxResultOutputBytes: settings.MAX_RESULT_OUTPUT_BYTES,
    events,
    log,
  })
  const dispatcher = new Dispatcher({
    journal,
    agents,
    ownership,
    reports,
    log,
    events,
    policy,
    graceMs,
    checkpoint: () => audit.newest,
    signer: storage.orderKey,
  })
  const witnesses = new Witnesses({ agents, relay })
  const thread = new TimedWorker<Work>({
    ...threadLimits,
    module: threadModule,
    onTrouble: (why) => log.warn({ why }, 'the thread that reads long commands was ended'),
  })
  const guard = new Analyzer({
    rules: new BoundedGuard(thread),
    advisor: openAdvisor(settings, log),
    opinions: storage.opinions,
    log,
  })
  const limits = new OpenLimits({
    perUser: settings.MAX_OPEN_COMMANDS_PER_USER,
    perAgent: settings.MAX_OPEN_COMMANDS_PER_AGENT,
    stillOpen: (open) => journal.stillOpen(open),
  })
  const commands = new Commands({
    journal,
    agents,
    dispatcher,
    guard,
    guardMode: settings.COMMAND_GUARD,
    events,
    policy,
    traces,
    timeoutSeconds: settings.COMMAND_TIMEOUT_SECONDS,
    maxOutputBytes: settings.MAX_OUTPUT_BYTES,
    requestHash: new RequestHash(storage.secret),
    limits,
    attendance,
    audit,
    signer: storage.orderKey,
  })
  const inputs = new CommandInputs({
    journal,
    agents,
    relay,
    events,
    policy,
    log,
    mayHaveOrder: (agent_id, command_id) => dispatcher.mayHaveOrder(agent_id, command_id),
  })
  await ownership.start(new AgentWork({ journal, agents, dispatcher, commands, attendance, graceMs }))
  const retention = startRetention(journal, settings.RETENTION_HOURS, log, events)
  const auditRetention = startAuditRetention(audit, settings.AUDIT_RETENTION_DAYS, log)
  const agentRetention = startAgentRetention(agents, settings.AGENT_FORGET_DAYS, log)

  const services = {
    login,
    users,
    userSessions: new UserSessionService({ accounts, sessions, policy, events }),
    tokens: new TokenService({ tokens: apiTokens, accounts, policy, events }),
    commands,
    inputs,
    agents: new AgentService(agents, policy),
    policies: new PolicyService({
      current,
      rules: accessRules,
      policy,
      subjects: subjectsOf(accounts),
      agents: agents.known,
      judge: async (command, account) => (await guard.judge({ command }, account)).risk_level,
      events,
    }),
    enrolment: new EnrolmentService({ enrolment, agents, policy, events }),
    links: agents,
    witnesses,
    intake: reports,
    dispatch: dispatcher,
    feed: new EventFeed({ journal, commands, events, policy }),
    analysis: new AnalysisService({ agents, analyzer: guard, policy }),
    audit: new AuditService({
      store: storage.audit,
      policy,
      events,
      askWitnesses: () => witnesses.ask(),
    }),
    answers: new AnswerMemory(answerLimits()),
    installFiles: installFiles(),
    resultBytes: settings.MAX_RESULT_OUTPUT_BYTES,
  }
  const { appRouter, fastPath, eventSocket, routes } = createRouter(services)
  const gateway = await createGateway({
    services: {
      authenticator: authenticatorOf(callers, enrolment.tokens),
      policy,
      quotas: {
        connections: new Quota('connections', settings.MAX_CONNECTIONS_PER_USER),
        reads: new Queues(READS_AT_A_TIME, READS_WAITING),
        subscriptions: new Quota('subscriptions', settings.MAX_SUBSCRIPTIONS_PER_USER),
      },
      requests: new RequestLimit(settings.MAX_REQUESTS_PER_MINUTE),
      answers: services.answers,
      log,
    },
    router: appRouter,
    fastPath,
    sockets: { '/ws': (transport) => new EventSocket(transport, { ...eventSocket, log }) },
    routes,
    corsOrigins: settings.CORS_ORIGINS,
    trustedProxies: settings.TRUSTED_PROXIES,
    allowedHosts: settings.ALLOWED_HOSTS,
    tls,
    ready: async () => ({ [storage.name]: await stateOf(journal), ...troubleOf(audit) }),
    notices: () => noticesOf(audit.state()),
    version: packageVersion(),
    metrics: () => metrics.exposition(),
    metricsToken: settings.METRICS_TOKEN,
  })
  // Connections that a whole fleet makes at once wait until they are accepted; the system may allow fewer.
  await gateway.app.listen({ host: settings.HOST, port: settings.PORT, backlog: 4096 })
  const url = urlOf(tls ? 'https' : 'http', settings.HOST, gateway.app.server.address())
  log.info({ url }, 'controller is listening')

  const { server } = gateway.app
  const renewal = tls && watchTls(settings, tls, server, log)

  let closing: Promise<void> | undefined
  const close = async () => {
    renewal?.close()
    retention.close()
    agentRetention.close()
    auditRetention.close()
    apiTokens.close()
    accounts.close()
    current.close()
    enrolment.close()
    guard.close()
    await thread.close()
    dispatcher.close()
    inputs.close()
    witnesses.close()
    await gateway.close()
    await agents.close()
    await ownership.close()
    await audit.close()
    await journal.close()
    await traces?.close()
    storage.close()
    log.info({}, 'controller has stopped')
  }
  return {
    url,
    generated,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** The public part of the key that signs orders, as agents keep it. */
function orderKeysOf(key: Storage['orderKey']): OrderKey[] {
  return key ? [{ kid: key.kid, public_key: key.public_key }] : []
}

const UNSIGNED =
  'orders are not signed: who can write to Redis can give orders to agents. Set ORDER_KEY, the same for all controllers'

/** Tokens say themselves whether they are of an account or of an agent with a key; each kind is verified by its own. */
function authenticatorOf(accounts: Authenticator, agents: AgentTokens): Authenticator {
  return {
    identify: (token, address) =>
      token !== undefined && agents.isAgentToken(token)
        ? agents.identify(token, address)
        : accounts.identify(token, address),
    watch: (caller, end) => (caller.kind === 'agent' ? agents : accounts).watch(caller, end),
  }
}

/** A sample value of the documentation is no key: no service is asked with it. */
function openAdvisor(settings: ControllerSettings, log: Log): LlmAdvisor | undefined {
  const { OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL } = settings
  if (OPENAI_API_KEY === undefined || sampleSecrets.includes(OPENAI_API_KEY)) return undefined
  const advisor = new LlmAdvisor({ apiKey: OPENAI_API_KEY, baseUrl: OPENAI_BASE_URL, model: OPENAI_MODEL })
  const { missing } = advisor
  if (missing.length > 0) {
    log.warn(
      { missing, install: installCommand(langChain) },
      'the model is not asked: LangChain is not installed, the rules answer alone',
    )
  }
  // What fails now fails again at a question, which says so.
  if (missing.length === 0) advisor.load().catch(() => {})
  return advisor
}

async function stateOf(journal: Journal): Promise<string> {
  try {
    await journal.check()
    return 'ready'
  } catch (error) {
    return error instanceof Error ? error.message : 'unavailable'
  }
}

/** Only where it is in trouble: what else the store cannot do is said of the journal. */
function troubleOf(audit: AuditLog): { audit?: string } {
  try {
    audit.check()
    return {}
  } catch (error) {
    return { audit: messageOf(error) }
  }
}

/** A line that a sink has not taken after so long says that it is behind, in ms. */
const BEHIND_MS = 10_000

function noticesOf({ sinks }: AuditState): Record<string, string> {
  const behind = sinks.filter(({ behindMs, trouble }) => behindMs > BEHIND_MS || trouble !== undefined)
  return Object.fromEntries(
    behind.map(({ name, waiting, behindMs, lost, trouble }) => [
      `audit sink ${name}`,
      `${waiting} lines wait, the oldest for ${Math.round(behindMs / 1000)} s; ${lost} are lost${trouble === undefined ? '' : `: ${trouble}`}`,
    ]),
  )
}

function urlOf(scheme: string, host: string, address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('The controller listens on no port.')
  const everywhere = host === '0.0.0.0' || host === '::'
  const shown = everywhere
    ? 'localhost'
    : address.family === 'IPv6'
      ? `[${address.address}]`
      : address.address
  return `${scheme}://${shown}:${address.port}`
}
