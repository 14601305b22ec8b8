import type { Work } from '../guard/work.js'
import { readCertificates } from '../host/certificates.js'
import { FolderLock } from '../host/folder-lock.js'
import { openLog } from '../host/log.js'
import { takeFolder } from '../host/private-folder.js'
import { shownAddress } from '../host/settings.js'
import { openTracingTo } from '../host/tracing/open.js'
import { packageVersion } from '../host/version.js'
import { orderKeyOf } from '../orders/signed.js'
import type { AgentInfo } from '../shared/agents/agent.js'
import { resolvesWithin } from '../shared/async/timeout.js'
import { newId } from '../shared/id.js'
import { type ExecuteOrder, type Hello, type InputAnswer, linkProtocols } from '../shared/link/protocol.js'
import { Hold } from './commands/hold.js'
import { FileLedger } from './commands/ledger.js'
import { Orphans } from './commands/orphans.js'
import { Outbox } from './commands/outbox.js'
import { createObjection } from './commands/policy.js'
import type { Log, Objection } from './commands/ports.js'
import { Runner } from './commands/runner.js'
import { signatureObjection } from './commands/signatures.js'
import { RunTraces } from './commands/traces.js'
import { type AgentSettings, assertLogin, defaultAgentSettings, settingsNotices } from './config.js'
import { AgentEnrolment } from './enrolment/enrolment.js'
import { KeyFile } from './enrolment/key-file.js'
import { environmentNotices } from './executors/environment.js'
import { ControlGroups } from './executors/local/control-groups.js'
import { endOrphans } from './executors/local/orphans.js'
import { openTargets } from './executors/targets.js'
import { IdentityFile } from './host/identity.js'
import { LinkMark } from './host/link-mark.js'
import { machineFacts, machineFingerprint, machineIdentity } from './host/machine.js'
import { Witness } from './host/witness.js'
import { LinkLoop } from './link/loop.js'

/** Orders that may wait while all places are taken. */
const MAX_QUEUED = 1000
/** What is still to be receipted at a stop gets so long, in ms. */
const FLUSH_MS = 5000
/** A command that was cancelled at a stop gets so long to end, after its kill, in ms. */
const CANCELLED_MS = 1000
/** What was ended by force gets so long to have its result, in ms, and as long to be receipted, while the link is open. */
const FORCED_MS = 5000

export type AgentOptions = {
  /**
   * The contract's settings; each that is left out has its default, and the environment is not read, but for HTTPS_PROXY,
   * HTTP_PROXY and NO_PROXY, which say by which proxy the controller is reached.
   */
  settings: Partial<AgentSettings>
  log?: Log
}

/** A running agent. */
export type AgentHandle = {
  /** Known after the first registration. */
  readonly agent_id: string | undefined
  /** Resolves at the first registration. */
  readonly registered: Promise<void>
  /** Settles when the agent has stopped; rejects when it gave up connecting. */
  readonly done: Promise<void>
  /** Takes no more orders, gives running commands `drainMs` to end (10 s), then cancels them; flushes, stops. */
  stop(options?: { drainMs?: number }): Promise<void>
  /** Ends running commands by force, and stops: for a caller that cannot wait for `stop`. */
  kill(): Promise<void>
  /** Starts no new command for so many ms (20 s) from now on: new ones wait for that, or for the agent that comes next. */
  hold(options?: { ms?: number }): void
}

const DRAIN_MS = 10_000

const OTHER_ID =
  'AGENT_ID is not that of the key in AGENT_STATE_DIR, which counts: to be another agent takes another folder'

const ROOT =
  'the agent runs as root, and so does every command that it is sent: run it as a user that may do little'

/** Starts an agent: it dials in to its controller, by itself and again and again, and runs what is ordered. */
export async function createAgent(options: AgentOptions): Promise<AgentHandle> {
  const settings: AgentSettings = { ...defaultAgentSettings(), ...options.settings }
  assertLogin(settings)
  let agent_id = settings.AGENT_ID
  const log = withAgentId(
    options.log ?? openLog({ role: 'agent', level: settings.LOG_LEVEL, format: settings.LOG_FORMAT }),
    () => agent_id,
  )
  for (const notice of settingsNotices(settings)) log.warn({}, notice)
  for (const notice of environmentNotices()) log.warn({}, notice)
  if (process.getuid?.() === 0) log.warn({}, ROOT)
  const { CONTROLLER_CA } = settings
  // An agent whose file is wrong could never trust its controller.
  const ca = CONTROLLER_CA === undefined ? undefined : readCertificates('CONTROLLER_CA', CONTROLLER_CA).pem

  takeFolder(settings.AGENT_STATE_DIR, 'AGENT_STATE_DIR', (sentence) => log.warn({}, sentence))
  const identity = new IdentityFile(settings.AGENT_STATE_DIR)
  const lock = await FolderLock.take(settings.AGENT_STATE_DIR, 'agent', 'set another AGENT_STATE_DIR.')
  const mark = new LinkMark(settings.AGENT_STATE_DIR)
  const witness = new Witness(settings.AGENT_STATE_DIR)
  const ledger = FileLedger.open(settings.AGENT_STATE_DIR)
  const killGraceMs = settings.KILL_GRACE_SECONDS * 1000
  agent_id ??= identity.read((sentence) => log.warn({}, sentence))

  const controlGroups = settings.AGENT_CGROUPS
    ? await ControlGroups.open({ owner: settings.AGENT_STATE_DIR })
    : undefined
  const means = controlGroups ? 'cgroups' : 'marks'
  log.info({ means }, `processes of a command are found by ${means}`)

  const outbox = new Outbox()
  outbox.onSettled = (command_id) => ledger.settled(command_id)
  const unfinished = new Map(ledger.unfinished().map((left) => [left.command_id, left.process]))
  const leftovers = new Orphans([...unfinished.keys()], {
    outbox,
    ledger,
    log,
    end: (command_id) => endOrphans(command_id, unfinished.get(command_id), killGraceMs, controlGroups),
  })

  const facts = await machineFacts()
  const machine = machineIdentity()
  // Called only once the loop is there: the controller hears of a target that comes and goes.
  let onTargetChange = () => {}
  const targets = await openTargets(settings, {
    log,
    localName: () => agent_id ?? 'local',
    controlGroups,
    leftovers: [...unfinished.keys()],
    onChange: () => onTargetChange(),
  })
  const service = { service: 'ogent-agent', version: packageVersion() }
  const tracing = await openTracingTo(settings.OTEL_EXPORTER_OTLP_ENDPOINT, service, log)
  const traces = tracing && new RunTraces(tracing, () => agent_id)
  const policy = await openPolicy(settings, log)
  const setKeys = settings.ORDER_KEYS.map(orderKeyOf)
  // Those that its controller told it when it joined, and with each token since.
  const keys = () => [...setKeys, ...(enrolment?.orderKeys ?? [])]
  const mode = () => settings.ORDER_SIGNATURES ?? (keys().length > 0 ? 'require' : 'off')
  const agentId = () => enrolment?.agent_id ?? agent_id
  const objection = signatureObjection({ mode, keys, agentId, log }, policy.objection)
  // Called only by orders, which come over the loop.
  const onInput = (answer: InputAnswer) => loop.answer(answer)
  const runner = new Runner({
    executors: targets.choose,
    outbox,
    ledger,
    log,
    maxConcurrent: settings.MAX_CONCURRENT_COMMANDS,
    maxQueued: MAX_QUEUED,
    killGraceMs,
    objection,
    onInput,
    traces,
  })

  const unsettled = () => [...leftovers.commands(), ...outbox.commands()]
  const hold = new Hold({
    runner,
    outbox,
    ledger,
    log,
    unsettled: () => unsettled().length,
    onInput,
    folder: settings.AGENT_STATE_DIR,
    maxHeld: MAX_QUEUED,
  })

  const info = (): AgentInfo => ({
    ...facts,
    ...targets.info(),
    agent_version: packageVersion(),
    max_concurrent_commands: settings.MAX_CONCURRENT_COMMANDS,
  })
  const enrolment = AgentEnrolment.open({
    url: settings.CONTROLLER_URL,
    ca,
    file: new KeyFile(settings.AGENT_STATE_DIR),
    joinToken: settings.AGENT_JOIN_TOKEN,
    wantedId: settings.AGENT_ID ?? agent_id,
    info,
    fingerprint: machineFingerprint(),
    log,
  })
  if (
    enrolment?.agent_id !== undefined &&
    settings.AGENT_ID !== undefined &&
    settings.AGENT_ID !== enrolment.agent_id
  )
    log.warn({ kept: enrolment.agent_id, given: settings.AGENT_ID }, OTHER_ID)
  const instance_id = newId()
  const hello = (): Hello => ({
    protocol: linkProtocols.oldest,
    protocol_max: linkProtocols.newest,
    features: ['stdin', 'witness', 'signed_orders'],
    // The one that the key is of, which may have joined only now.
    ...given({ agent_id: enrolment?.agent_id ?? agent_id }),
    instance_id,
    info: info(),
    labels: settings.AGENT_LABELS,
    ...(machine === undefined ? {} : { machine }),
    commands: unsettled(),
  })

  let onRegistered = () => {}
  const registered = new Promise<void>((resolve) => {
    onRegistered = resolve
  })
  const loop = new LinkLoop({
    url: settings.CONTROLLER_URL,
    username: settings.AGENT_USERNAME,
    password: settings.AGENT_PASSWORD,
    keyed: enrolment,
    ca,
    reconnectDelayMs: settings.RECONNECT_DELAY * 1000,
    maxAttempts: settings.MAX_RECONNECT_ATTEMPTS,
    outbox,
    log,
    hello,
    load: () => ({ ...runner.counts(), outbox_bytes: outbox.bytes }),
    onLink: (up) => (up ? mark.alive() : mark.down()),
    handlers: {
      onRegistered: (event) => {
        if (agent_id !== event.agent_id) identity.write(event.agent_id)
        agent_id = event.agent_id
        log.info(
          { sid: event.sid, url: shownAddress(settings.CONTROLLER_URL) },
          'registered with the controller',
        )
        leftovers.receive(event.receipts)
        witness.note(event.checkpoint)
        onRegistered()
      },
      onOrder: (order, controllerNow) => {
        if (order.type === 'execute_command_event') witness.note(order.checkpoint)
        hold.take(order, controllerNow)
      },
      witnessed: () => witness.checkpoints,
    },
  })
  onTargetChange = () => loop.inform()
  const done = loop.run().finally(async () => {
    hold.close()
    await targets.close()
    await policy.close()
    await traces?.close()
    ledger.close()
    witness.close()
    lock.release()
  })
  // A caller that waits for `done` hears of it; none has to wait.
  done.catch(() => {})

  let stopping: Promise<void> | undefined
  const open = () => {
    const { running, queued } = runner.counts()
    return { commands: running + queued }
  }
  const stop = async (drainMs: number) => {
    hold.close()
    log.info(open(), 'stopping: no more commands are taken, those that run may end')
    const drained = runner.drain()
    if (!(await resolvesWithin(drained, drainMs))) {
      log.info(open(), 'ending the commands that still run')
      runner.cancelAll('The agent was stopped.')
    }
    // While the link is down, a command whose outbox is full waits for room even when its process is gone: it
    // is left to the successor, which reports it as lost.
    if (await resolvesWithin(drained, killGraceMs + CANCELLED_MS)) await loop.flush(FLUSH_MS)
    await leave()
  }
  const kill = async () => {
    log.warn(open(), 'ending the commands that still run by force')
    const drained = runner.drain()
    runner.cancelAll('The agent was stopped by force.')
    await targets.close()
    // Without a link the successor reports it, as lost; a result that can be told is worth a moment.
    if (loop.isLinked && (await resolvesWithin(drained, FORCED_MS)))
      await loop.flush(FORCED_MS, { linked: true })
    await leave()
  }
  let left: Promise<void> | undefined
  const leave = () => {
    loop.stop()
    left ??= done.catch(() => {}).then(() => log.info({}, 'agent has stopped'))
    return left
  }

  return {
    get agent_id() {
      return agent_id
    },
    registered,
    done,
    stop: ({ drainMs = DRAIN_MS } = {}) => {
      stopping ??= stop(drainMs)
      return stopping
    },
    kill,
    hold: ({ ms } = {}) => hold.begin(ms),
  }
}

function given({ agent_id }: { agent_id: string | undefined }): { agent_id?: string } {
  return agent_id === undefined ? {} : { agent_id }
}

/** Every line of an agent's log names it, once it has a name. */
function withAgentId(log: Log, agentId: () => string | undefined): Log {
  const named = (fields: object) => {
    const agent_id = agentId()
    return agent_id === undefined ? fields : { agent_id, ...fields }
  }
  return {
    debug: (fields, message) => log.debug(named(fields), message),
    info: (fields, message) => log.info(named(fields), message),
    warn: (fields, message) => log.warn(named(fields), message),
    error: (fields, message) => log.error(named(fields), message),
  }
}

/** The rules are loaded only where they are asked: what an agent starts costs by the agent's memory. */
async function openPolicy(settings: AgentSettings, log: Log): Promise<Policy> {
  const guard = settings.AGENT_GUARD === 'off' ? undefined : await openGuard(log)
  const objection = createObjection({
    guard: settings.AGENT_GUARD,
    allow: settings.AGENT_ALLOW,
    envDeny: settings.AGENT_ENV_DENY,
    targets: settings.AGENT_TARGETS,
    ssh: settings.SSH_ENABLED,
    judge: guard?.judge ?? (() => ({ risk_level: 'unknown', risks: [] })),
  })
  return { objection, close: guard?.close ?? (async () => {}) }
}

type Policy = { objection: Objection; close: () => Promise<void> }

async function openGuard(log: Log) {
  const [{ BoundedGuard, threadLimits }, { threadModule }, { TimedWorker }] = await Promise.all([
    import('../guard/bounded.js'),
    import('../guard/thread-module.js'),
    import('../host/timed-worker.js'),
  ])
  // Not started until a command takes long to judge. All orders are of one controller, and none is left out.
  const thread = new TimedWorker<Work>({
    deadlineMs: threadLimits.deadlineMs,
    waitingPerAccount: MAX_QUEUED,
    waiting: MAX_QUEUED,
    module: threadModule,
    onTrouble: (why) => log.warn({ why }, 'the thread that reads long commands was ended'),
  })
  const guard = new BoundedGuard(thread)
  return { judge: (order: ExecuteOrder) => guard.judge(order, ''), close: () => thread.close() }
}
