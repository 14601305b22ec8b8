import type { RawCommandEvent, RawCommandResult } from '../../../shared/commands/event.js'
import type { LostReport, Report, ResultReport } from '../../../shared/link/protocol.js'
import type { CommandState } from '../../journal/port.js'
import { type Intake, outputOf } from './intake.js'
import { boundedReason, boundedTime, errorOfReport } from './report-checks.js'

/** A chunk smaller than this is copied out of the frame that it came in, or it would keep the frame alive. */
const SMALL_CHUNK = 4096

/** An agent's report as the journal keeps it. */
export function toEvent(
  report: Exclude<Report, LostReport>,
  state: CommandState,
  intake: Intake,
): RawCommandEvent {
  const { command_id } = report
  const now = new Date()
  const timestamp = boundedTime(report.timestamp, Date.parse(state.record.created_at), now)
  const base = { type: 'command_progress', command_id, timestamp } as const
  switch (report.kind) {
    case 'started': {
      const { execution_type, target, pid } = report
      return { ...base, state: 'started', execution_type, target, ...(pid === undefined ? {} : { pid }) }
    }
    case 'waiting':
      return { ...base, state: 'waiting', reason: report.reason }
    case 'output': {
      const { stream, offset } = report
      const data = report.data.length < SMALL_CHUNK ? Uint8Array.from(report.data) : report.data
      return { ...base, state: 'output', stream, data, offset, bytes: data.length }
    }
    case 'result':
      return {
        type: 'command_result',
        command_id,
        agent_id: state.record.agent_id,
        command: state.record.command,
        status: report.status,
        result: { ...toResult(report, state, intake), timestamp },
        // When it was heard of: how long it is kept does not go by the agent's clock.
        timestamp: now.toISOString(),
      }
  }
}

function toResult(report: ResultReport, state: CommandState, intake: Intake): RawCommandResult {
  const { kind: _kind, n: _n, command_id: _id, status: _status, error: _error, ...exit } = report
  const output = outputOf(intake, report)
  const error = errorOfReport(report)
  return {
    ...exit,
    reason: exit.reason === null ? null : boundedReason(exit.reason),
    ...(error ? { error } : {}),
    ...output,
    // Past MAX_OUTPUT_BYTES the agent counts what it no longer sends.
    stdout_truncated: output.stdout_truncated || intake.stdout.total < report.stdout_bytes,
    stderr_truncated: output.stderr_truncated || intake.stderr.total < report.stderr_bytes,
    command: state.record.command,
  }
}
