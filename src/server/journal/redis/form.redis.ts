import type { RawCommandEvent, RawResultEvent } from '../../../shared/commands/event.js'
import { type CommandRecord, foldEvent } from '../../../shared/commands/record.js'
import { newId } from '../../../shared/id.js'
import type { ExecuteOrder } from '../../../shared/link/protocol.js'
import { decodeKept, frameEncoder } from '../../../shared/wire/frame-codec.js'
import { texts } from '../../storage/redis/replies.js'
import type { RedisValue } from '../../storage/redis/server.redis.js'
import type { CommandState, Draft, Entry, NewCommand } from '../port.js'

/** How a command looks in Redis, and how it is read back; scripts.redis.ts has the other half. */

/** What of a command never changes: its record as it was made, before any event. */
export type Base = Pick<
  CommandState,
  'record' | 'on_disconnect' | 'request_hash' | 'expires_at' | 'max_output_bytes'
>

/** The state of a command, as the scripts answer it: seq, report, result, away, by, facts, lost. */
export type Fields = (Buffer | null)[]

export const seqOf = ([seq]: Fields) => Number(seq)
export const reportOf = ([, report]: Fields) => Number(report)

/** An event as bytes of its own; output in it stays bytes. */
export function encode(event: RawCommandEvent): string | Buffer {
  const frame = frameEncoder.encode(event)
  return typeof frame === 'string' ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
}

function decode(frame: number | Buffer | undefined): RawCommandEvent {
  if (!(frame instanceof Buffer)) throw new Error('An event in Redis is not of a form that is known.')
  // Only `encode` writes them.
  return decodeKept(frame) as RawCommandEvent
}

/** A draft as six arguments of the append script. */
export function argsOf({ report, unlessEnded, ifLast }: Draft, event: RawCommandEvent): RedisValue[] {
  const [kind, fact] = kindOf(event)
  return [report ?? '', unlessEnded ? 'e' : '', ifLast ?? '', kind, fact, encode(event)]
}

/** Arguments of each draft, and those before the first. */
const PER_DRAFT = 6
export const BEFORE_DRAFTS = 2

/**
 * Drafts that were placed once, from the arguments and the sequences of then (0: not placed): each for that place alone,
 * or, not `inPlace`, reports by their numbers.
 */
export function draftsAgain(
  { args, seqs }: { args: RedisValue[]; seqs: number[] },
  inPlace: boolean,
): RedisValue[] {
  return seqs.flatMap((seq, at) => {
    if (seq === 0) return []
    const from = BEFORE_DRAFTS + at * PER_DRAFT
    const [report = '', unlessEnded = '', , ...rest] = args.slice(from, from + PER_DRAFT)
    return [report, unlessEnded, inPlace || report === '' ? seq - 1 : '', ...rest]
  })
}

/** What the script has to know of an event, and the text that changes the command's record. */
function kindOf(event: RawCommandEvent): [kind: string, fact: string] {
  if (event.type === 'command_result') {
    return [event.status === 'lost' ? 'l' : 'r', JSON.stringify(endOf(event))]
  }
  if (event.type !== 'command_progress') return ['o', '']
  if (event.state === 'started') return ['s', JSON.stringify(event)]
  if (event.state === 'agent_back') return ['b', JSON.stringify(event)]
  if (event.state === 'agent_lost') return ['a', '']
  if (event.state === 'cancel_requested') return ['c', event.requested_by]
  return ['o', '']
}

/** Of a result what the record takes over; all of it is in the log. */
const TAKEN_OVER = [
  'execution_type',
  'target',
  'exit_code',
  'signal',
  'reason',
  'error',
  'duration_ms',
  'stdout_bytes',
  'stderr_bytes',
] as const satisfies (keyof RawResultEvent['result'])[]

function endOf({ type, status, timestamp, result }: RawResultEvent) {
  return {
    type,
    status,
    timestamp,
    result: Object.fromEntries(TAKEN_OVER.map((name) => [name, result[name]])),
  }
}

export function isBack(event: RawCommandEvent): boolean {
  return event.type === 'command_progress' && event.state === 'agent_back'
}

/** The record after all that has changed it. */
export function foldFacts(record: CommandRecord, facts: Buffer | null | undefined): CommandRecord {
  const lines = facts ? facts.toString().split('\n') : []
  return (
    lines
      .filter((line) => line !== '')
      // Written by `kindOf` alone.
      .reduce((folded, line) => foldEvent(folded, JSON.parse(line) as RawCommandEvent), record)
  )
}

export function toState(base: Base, fields: Fields): CommandState {
  const [seq, report, result, away, by, facts, lost] = fields
  const result_seq = result ? Number(result) : undefined
  const record = foldFacts(base.record, facts)
  return {
    ...base,
    record,
    cancel_requested_by: by ? String(by) : undefined,
    last_seq: Number(seq),
    last_report: Number(report),
    away: String(away) === '1',
    result_seq,
    final: result_seq !== undefined && record.status === 'lost' && String(lost) !== '1',
  }
}

/** The name of a command in the indexes: the agent of one that has expired is still to be told. */
export const timedName = (command_id: string, agent_id: string) => `${command_id} ${agent_id}`
/** The name of a command among the open ones: those of one agent are neighbours. */
export const openName = ({ agent_id, command_id }: Pick<CommandRecord, 'agent_id' | 'command_id'>) =>
  `${agent_id} ${command_id}`

/** Members of an index by time, with their times. */
export function timedPairs(reply: unknown): { id: string; agent_id: string; time: number }[] {
  const flat = texts(reply)
  const pairs = []
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [id = '', agent_id = ''] = (flat[at] ?? '').split(' ')
    pairs.push({ id, agent_id, time: Number(flat[at + 1]) })
  }
  return pairs
}

/** What the script that creates a command takes; `deadline` in ms by the clock of Redis. */
export function createArgs(command: NewCommand, deadline: number): RedisValue[] {
  const { record, order, on_disconnect, request_hash, event } = command
  return [
    newId(),
    JSON.stringify(record),
    JSON.stringify(order),
    on_disconnect,
    encode(event),
    deadline,
    request_hash ?? '',
    order.expires_at,
    order.max_output_bytes,
  ]
}

/** What the script that reads a command's state answers, where there is one. */
export function parseState(reply: unknown): { base: Base; fields: Fields } {
  // The script's own form: see there.
  const [[record, disc, hash, exp, max], fields, order] = reply as [(Buffer | null)[], Fields, Buffer | null]
  const old = order ? (JSON.parse(String(order)) as ExecuteOrder) : undefined
  const base: Base = {
    // Written by `createArgs` alone.
    record: JSON.parse(String(record)) as CommandRecord,
    on_disconnect: String(disc) === 'cancel' ? 'cancel' : 'continue',
    request_hash: hash ? String(hash) : undefined,
    expires_at: Number(exp ?? old?.expires_at ?? 0),
    max_output_bytes: Number(max ?? old?.max_output_bytes ?? Number.MAX_SAFE_INTEGER),
  }
  return { base, fields }
}

/** Entries as the script that reads them answers: number, report and event of each. */
export function parseEntries(flat: (number | Buffer)[]): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at + 2 < flat.length; at += 3) {
    const report = String(flat[at + 1])
    entries.push({
      seq: Number(flat[at]),
      report: report === '' ? undefined : Number(report),
      event: decode(flat[at + 2]),
    })
  }
  return entries
}

/** Whether something that comes before what was to be placed is missing: a report, or the whole command. */
export function hasGap(reply: unknown): boolean {
  return reply === null || (Array.isArray(reply) && reply[1] === 1)
}
