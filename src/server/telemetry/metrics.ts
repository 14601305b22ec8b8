import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { StreamName } from '../../shared/commands/event.js'
import { type CommandStatus, commandStatusSchema } from '../../shared/commands/result.js'
import type { EventOf, Events } from '../events.js'

/** What is not counted as it happens but looked up at each scrape. */
export type Gauges = {
  agents: {
    known: number
    connected: number
    orders: number
    load: { running: number; queued: number; outbox_bytes: number }
  }
  commands: { waiting: number; sent: number }
  subscribers: { count: number; lag: number }
  sockets: number
  /** The file system of the data folder; undefined where another machine keeps the data. */
  disk: { free_bytes: number; size_bytes: number } | undefined
}

/** What is looked up of the audit at each scrape; each sink has a name. */
export type AuditGauges = {
  records: number
  waiting: number
  lost: number
  sinks: { name: string; waiting: number; lost: number; behindMs: number }[]
}

/** From a command that does nothing to one that takes an hour, in seconds. */
const DURATION_BUCKETS = [
  0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600,
]
const FIRST_BYTE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]

/** What is as it is at the moment: each with what it says. */
const gauges: [name: string, help: string, valueOf: (now: Gauges) => number][] = [
  ['ogent_agents_known', 'Agents that ever registered.', ({ agents }) => agents.known],
  ['ogent_agents_connected', 'Agents whose link is open.', ({ agents }) => agents.connected],
  ['ogent_agents_running_commands', 'Commands that connected agents run.', (now) => now.agents.load.running],
  [
    'ogent_agents_queued_commands',
    'Commands that wait on connected agents for a place to run.',
    (now) => now.agents.load.queued,
  ],
  [
    'ogent_agents_outbox_bytes',
    'Reports that connected agents hold until they are receipted.',
    (now) => now.agents.load.outbox_bytes,
  ],
  ['ogent_link_queued_orders', 'Orders that sockets of agents have not taken.', (now) => now.agents.orders],
  [
    'ogent_commands_waiting',
    'Open commands whose order waits for their agent.',
    (now) => now.commands.waiting,
  ],
  ['ogent_commands_sent', 'Open commands that an agent has or may have.', (now) => now.commands.sent],
  ['ogent_followers', 'Subscribers of commands that have not ended.', (now) => now.subscribers.count],
  [
    'ogent_follower_lag_events',
    'Events that the subscriber furthest behind has not read.',
    (now) => now.subscribers.lag,
  ],
  ['ogent_websockets', 'WebSockets that are open.', (now) => now.sockets],
  [
    'ogent_data_free_bytes',
    'Room that the disk of DATA_DIR has left; NaN with REDIS_URL.',
    ({ disk }) => disk?.free_bytes ?? Number.NaN,
  ],
  [
    'ogent_data_size_bytes',
    'Size of the disk of DATA_DIR; NaN with REDIS_URL.',
    ({ disk }) => disk?.size_bytes ?? Number.NaN,
  ],
]

/**
 * Metrics for Prometheus, of what the controller's events say and what its parts answer. What happens
 * at every chunk is added up in plain numbers, which its library gets at a scrape; what Node.js says of itself is
 * measured only from the first scrape on.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #bytes: Record<StreamName, number> = { stdout: 0, stderr: 0 }
  readonly #ended = new Map<CommandStatus, number>(commandStatusSchema.options.map((status) => [status, 0]))
  readonly #durations: Histogram
  readonly #firstBytes: Histogram
  readonly #measure: () => Promise<Gauges>
  readonly #gauges: ((now: Gauges) => void)[] = []
  #inputBytes = 0
  #loginFailures = 0
  #logins = 0
  #tokenFailures = 0
  #asked = false

  constructor(
    version: string,
    events: Events,
    measure: () => Promise<Gauges>,
    audit: () => AuditGauges = () => ({ records: 0, waiting: 0, lost: 0, sinks: [] }),
  ) {
    this.#measure = measure
    const registers = [this.#registry]
    this.#durations = new Histogram({
      name: 'ogent_command_duration_seconds',
      help: 'How long commands ran, as their agents measured it.',
      buckets: DURATION_BUCKETS,
      registers,
    })
    this.#firstBytes = new Histogram({
      name: 'ogent_command_first_byte_seconds',
      help: 'From the request of a command to its first output.',
      buckets: FIRST_BYTE_BUCKETS,
      registers,
    })
    this.#subscribe(events)
    this.#createCounters()
    this.#countAudit(audit)
    for (const [name, help, read] of gauges) this.#gauge(name, help, read)
    new Gauge({ name: 'ogent_build_info', help: 'Always 1.', labelNames: ['version'], registers }).set(
      { version },
      1,
    )
  }

  /** All of it as Prometheus reads it. */
  async exposition(): Promise<{ type: string; text: string }> {
    if (!this.#asked) collectDefaultMetrics({ register: this.#registry })
    this.#asked = true
    const now = await this.#measure()
    for (const set of this.#gauges) set(now)
    return { type: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  #subscribe(events: Events): void {
    events.on('output_stored', ({ stream, bytes }) => {
      this.#bytes[stream] += bytes
    })
    events.on('input_taken', ({ bytes }) => {
      this.#inputBytes += bytes
    })
    events.on('first_output', ({ delay_ms }) => this.#firstBytes.observe(delay_ms / 1000))
    events.on('command_ended', (event) => this.#commandEnded(event))
    events.on('login_refused', () => {
      this.#loginFailures += 1
    })
    events.on('logged_in', () => {
      this.#logins += 1
    })
    events.on('token_refused', () => {
      this.#tokenFailures += 1
    })
  }

  #createCounters(): void {
    this.#count('ogent_output_bytes_total', 'Output taken into the journal.', 'stream', () =>
      Object.entries(this.#bytes),
    )
    this.#count('ogent_input_bytes_total', 'Input that commands were sent while they ran.', undefined, () => [
      ['', this.#inputBytes],
    ])
    this.#count(
      'ogent_commands_total',
      'Commands that have ended; one that was given up as lost and comes back counts again.',
      'status',
      () => [...this.#ended],
    )
    this.#count('ogent_logins_total', 'Logins let in.', undefined, () => [['', this.#logins]])
    this.#count('ogent_token_failures_total', 'Tokens refused, those that have ended too.', undefined, () => [
      ['', this.#tokenFailures],
    ])
    this.#count('ogent_login_failures_total', 'Logins refused.', undefined, () => [['', this.#loginFailures]])
  }

  #countAudit(audit: () => AuditGauges): void {
    const bySink = (read: (sink: AuditGauges['sinks'][number]) => number) => () =>
      audit().sinks.map((sink): [string, number] => [sink.name, read(sink)])
    this.#count(
      'ogent_audit_records_total',
      'Records of the audit that this controller made.',
      undefined,
      () => [['', audit().records]],
    )
    this.#count(
      'ogent_audit_lost_total',
      'Records that were dropped, since too many waited.',
      undefined,
      () => [['', audit().lost]],
    )
    this.#count(
      'ogent_audit_sink_lost_total',
      'Lines that a sink of the audit did not get, since too many waited.',
      'sink',
      bySink(({ lost }) => lost),
    )
    const registers = [this.#registry]
    const gauge = (name: string, help: string, read: () => [string, number][]) =>
      new Gauge({
        name,
        help,
        labelNames: ['sink'],
        registers,
        collect() {
          for (const [sink, value] of read()) this.set({ sink }, value)
        },
      })
    gauge(
      'ogent_audit_sink_waiting',
      'Lines that a sink of the audit has not taken.',
      bySink(({ waiting }) => waiting),
    )
    gauge(
      'ogent_audit_sink_behind_seconds',
      'How long the oldest of them has waited.',
      bySink(({ behindMs }) => behindMs / 1000),
    )
    new Gauge({
      name: 'ogent_audit_waiting',
      help: 'Records of the audit that the store does not have yet.',
      registers,
      collect() {
        this.set(audit().waiting)
      },
    })
  }

  #commandEnded({ status, duration_ms }: EventOf<'command_ended'>): void {
    this.#ended.set(status, (this.#ended.get(status) ?? 0) + 1)
    // What never ran took no time.
    if (duration_ms > 0) this.#durations.observe(duration_ms / 1000)
  }

  #gauge(name: string, help: string, read: (now: Gauges) => number): void {
    const gauge = new Gauge({ name, help, registers: [this.#registry] })
    this.#gauges.push((now) => gauge.set(read(now)))
  }

  #count(name: string, help: string, label: string | undefined, read: () => [string, number][]): void {
    new Counter({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [value, sum] of read()) this.inc(label === undefined ? {} : { [label]: value }, sum)
      },
    })
  }
}
