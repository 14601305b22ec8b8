/** How a command ends, as its result report says it. */
import type { CommandStatus, ResultError } from '../../shared/commands/result.js'
import { type ErrorCode, messageOf, OgentError } from '../../shared/errors.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'
import type { ResultDraft } from './outbox.js'
import { Output } from './output.js'
import type { Executor, Exit } from './ports.js'
import type { Stop, Task } from './task.js'

/** How a command ends of which no process was seen. */
export type End = { status: CommandStatus; reason: string; error?: ResultError }

export function timeoutStop(order: ExecuteOrder): Stop {
  return { status: 'timeout', reason: `The command ran longer than ${order.timeout_seconds} s.` }
}

export function startTimeoutStop(order: ExecuteOrder): Stop {
  return { status: 'timeout', reason: `The command could not be started within ${order.timeout_seconds} s.` }
}

export function failure(code: ErrorCode, sentence: string): End {
  return { status: 'error', reason: `${code}: ${sentence}`, error: { code } }
}

/** Of what an executor rejected its start with. */
export function startFailure(error: unknown): End {
  if (!(error instanceof OgentError)) return { status: 'error', reason: messageOf(error) }
  return failure(error.code, error.message)
}

export function resultWithoutProcess(
  order: ExecuteOrder,
  { status, reason, error }: End,
  executor?: Executor,
): ResultDraft {
  const { bytes, sha256 } = new Output(0).totals('stdout')
  return {
    status,
    execution_type: executor?.type ?? (order.execution_target === 'ssh' ? 'ssh' : 'local'),
    target: executor?.target ?? '',
    exit_code: null,
    signal: null,
    reason,
    ...(error ? { error } : {}),
    duration_ms: 0,
    stdout_bytes: bytes,
    stderr_bytes: bytes,
    stdout_sha256: sha256,
    stderr_sha256: sha256,
  }
}

/** What was seen of a process: its end, and all that it wrote. */
export type Seen = { executor: Executor; exit: Exit; output: Output; duration_ms: number }

export function resultOfProcess(task: Task, { executor, exit, output, duration_ms }: Seen): ResultDraft {
  const stdout = output.totals('stdout')
  const stderr = output.totals('stderr')
  return {
    status: statusOf(task.stop, exit),
    execution_type: executor.type,
    target: executor.target,
    exit_code: exit.exit_code,
    signal: exit.signal,
    reason: reasonOf(task, exit, output),
    duration_ms: Math.round(duration_ms * 1000) / 1000,
    stdout_bytes: stdout.bytes,
    stderr_bytes: stderr.bytes,
    stdout_sha256: stdout.sha256,
    stderr_sha256: stderr.sha256,
  }
}

function statusOf(stop: Stop | undefined, exit: Exit): CommandStatus {
  if (exit.lost) return 'lost'
  if (stop) return stop.status
  return exit.exit_code === 0 ? 'success' : 'error'
}

function reasonOf(task: Task, exit: Exit, output: Output): string | null {
  const dropped =
    output.dropped > 0
      ? `Output past ${task.order.max_output_bytes} bytes was counted and hashed, but not kept (${output.dropped} bytes).`
      : null
  const killed = !task.stop && exit.signal ? `Ended by ${exit.signal}.` : null
  const all = [task.stop?.reason, exit.reason, killed, dropped].filter((part) => part != null)
  return all.length > 0 ? all.join(' ') : null
}
