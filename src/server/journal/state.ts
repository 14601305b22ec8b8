import { foldEvent } from '../../shared/commands/record.js'
import type { CommandState, Draft, Entry, NewCommand } from './port.js'

/** The rules by which a journal grows, the same for every store. */

export function newState(command: NewCommand): CommandState {
  return {
    record: command.record,
    expires_at: command.order.expires_at,
    max_output_bytes: command.order.max_output_bytes,
    on_disconnect: command.on_disconnect,
    request_hash: command.request_hash,
    cancel_requested_by: undefined,
    last_seq: 1,
    last_report: 0,
    away: false,
    result_seq: undefined,
    final: false,
  }
}

/** Whether the command has a final end: a `lost` of the controller's is a guess, which a report may still replace. */
export function endedForGood(state: CommandState): boolean {
  return state.result_seq !== undefined && (state.final || state.record.status !== 'lost')
}

/**
 * Gives each draft its place, or leaves it out: a report that is placed already, one that comes after a
 * missing one, a guess where there is a result, anything that the agent reports after its own result.
 */
export function applyDrafts(state: CommandState, drafts: Draft[]): { state: CommandState; entries: Entry[] } {
  const entries: Entry[] = []
  let next = state
  for (const { event, report, unlessEnded, ifLast } of drafts) {
    if (report !== undefined && report !== next.last_report + 1) continue
    if (report !== undefined && endedForGood(next)) continue
    if (unlessEnded && next.result_seq !== undefined) continue
    if (ifLast !== undefined && next.last_seq !== ifLast) continue
    const seq = next.last_seq + 1
    const placed = withAnalysis(event, next)
    entries.push({ seq, report, event: placed })
    next = fold(next, seq, report, placed)
  }
  return { state: next, entries }
}

/** A result shows what was said of the command before it ran, no matter which side reports the end. */
export function withAnalysis(
  event: Entry['event'],
  { record }: Pick<CommandState, 'record'>,
): Entry['event'] {
  if (event.type !== 'command_result' || record.ai_processing === undefined) return event
  return { ...event, ai_processing: record.ai_processing }
}

function fold(
  state: CommandState,
  seq: number,
  report: number | undefined,
  event: Entry['event'],
): CommandState {
  const next: CommandState = {
    ...state,
    record: foldEvent(state.record, event),
    last_seq: seq,
    last_report: report ?? state.last_report,
  }
  if (event.type === 'command_result') {
    next.result_seq = seq
    next.final = event.status === 'lost' && report !== undefined
  } else if (event.type === 'command_progress' && event.state === 'cancel_requested') {
    next.cancel_requested_by = event.requested_by
  } else if (event.type === 'command_progress' && event.state === 'agent_lost') {
    next.away = true
  } else if (event.type === 'command_progress' && event.state === 'agent_back') {
    next.away = false
    // Given up as lost, and alive after all: the command is open again until its agent tells its end.
    next.result_seq = undefined
    next.final = false
  }
  return next
}

/** Whether the stored part of the state (all but the counters, which the entries tell) has changed. */
export function recordChanged(before: CommandState, after: CommandState): boolean {
  return (
    before.record !== after.record ||
    before.result_seq !== after.result_seq ||
    before.final !== after.final ||
    before.away !== after.away ||
    before.cancel_requested_by !== after.cancel_requested_by
  )
}
