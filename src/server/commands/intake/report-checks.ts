import type { StreamName } from '../../../shared/commands/event.js'
import { errorOf } from '../../../shared/commands/refusal.js'
import { exitMisfit, type ResultError } from '../../../shared/commands/result.js'
import type { LostReport, Report, ResultReport } from '../../../shared/link/protocol.js'
import type { CommandState } from '../../journal/port.js'

/** What the journal holds of a command so far. */
export type Seen = {
  started: boolean
  /** How often it was told what the command waits for. */
  waits: number
  /** Bytes of each stream. */
  total(stream: StreamName): number
  /** SHA-256 of a stream, hex. */
  sha256(stream: StreamName): string
}

/** A reason is shown in lists and kept with each of them: the rest of a longer one, in characters, is cut off. */
const LONGEST_REASON = 4096

/** An agent tells once what a command waits for; this leaves room for one that tells of each thing in turn. */
const MOST_WAITS = 16

const HEX_SHA256 = /^[0-9a-f]{64}$/

/**
 * Why an agent's report cannot be true, by what the controller has seen itself; undefined where it can. Past
 * `max_output_bytes`, and after a restored backup, an agent counts and hashes output that never came: only what came
 * whole can be compared.
 */
export function misfitOf(
  report: Exclude<Report, LostReport>,
  state: CommandState,
  seen: Seen,
): string | undefined {
  switch (report.kind) {
    case 'started':
      if (seen.started) return 'the command started for a second time'
      return placeMisfit(report, state)
    case 'waiting':
      if (seen.started) return 'the command waits for its start after it had started'
      if (seen.waits < MOST_WAITS) return undefined
      return `more than ${MOST_WAITS} times it was told what the command waits for`
    case 'output': {
      const { stream, offset, data } = report
      const total = seen.total(stream)
      if (data.length === 0) return `a chunk of ${stream} is empty`
      if (offset !== total)
        return `a chunk of ${stream} begins at byte ${offset}, and ${total} bytes have come`
      const all = seen.total('stdout') + seen.total('stderr') + data.length
      if (all <= state.max_output_bytes) return undefined
      return `more than ${state.max_output_bytes} bytes of output were sent (MAX_OUTPUT_BYTES)`
    }
    case 'result':
      return (
        exitMisfit(report) ??
        placeMisfit(report, state) ??
        refusalMisfit(report, seen) ??
        streamMisfit('stdout', report.stdout_bytes, report.stdout_sha256, seen) ??
        streamMisfit('stderr', report.stderr_bytes, report.stderr_sha256, seen)
      )
  }
}

/** The reason of a command's end, in bounds. */
export function boundedReason(reason: string): string {
  if (reason.length <= LONGEST_REASON) return reason
  // A cut may have split a pair of surrogates.
  return `${reason.slice(0, LONGEST_REASON - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** Where no process was seen: why; of an agent that does not say so by itself, by the beginning of its reason. */
export function errorOfReport({ exit_code, signal, ...report }: ResultReport): ResultError | undefined {
  if (exit_code !== null || signal !== null) return undefined
  const told = errorOf(report)
  if (!told) return undefined
  const { sentence: _sentence, ...error } = told
  return error
}

/**
 * An agent's time as the journal keeps it: the agent's clock where it says a time between the command's creation and
 * now, else the controller's.
 */
export function boundedTime(told: string, createdMs: number, now: Date): string {
  const ms = Date.parse(told)
  if (!(ms >= createdMs && ms <= now.getTime())) return now.toISOString()
  return UTC_WITH_MS.test(told) ? told : new Date(ms).toISOString()
}

const UTC_WITH_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function placeMisfit(
  { execution_type }: Pick<ResultReport, 'execution_type'>,
  state: CommandState,
): string | undefined {
  const { execution_target } = state.record
  if (execution_target === 'auto' || execution_target === execution_type) return undefined
  return `it ran by ${execution_type}, and ${execution_target} was asked for`
}

function refusalMisfit({ status }: ResultReport, seen: Seen): string | undefined {
  if (status !== 'refused') return undefined
  const ran = seen.started || seen.total('stdout') > 0 || seen.total('stderr') > 0
  return ran ? 'the command was refused after it had run' : undefined
}

function streamMisfit(stream: StreamName, bytes: number, sha256: string, seen: Seen): string | undefined {
  const total = seen.total(stream)
  if (bytes < total) return `${bytes} bytes of ${stream} were told, and ${total} have come`
  if (!HEX_SHA256.test(sha256)) return `what was told of ${stream} is no SHA-256`
  if (bytes > total || sha256 === seen.sha256(stream)) return undefined
  return `the SHA-256 of ${stream} is another one`
}
