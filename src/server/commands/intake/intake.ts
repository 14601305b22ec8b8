import { createHash, type Hash } from 'node:crypto'
import type { StreamName } from '../../../shared/commands/event.js'
import type { Report, ResultReport } from '../../../shared/link/protocol.js'
import type { CommandState } from '../../journal/port.js'
import { HeadTailBuffer } from './head-tail-buffer.js'
import { misfitOf } from './report-checks.js'

/** One open command's way from reports to events: what is next, what its result will show, whether it wrote. */
export type Intake = {
  next: number
  stdout: HeadTailBuffer
  stderr: HeadTailBuffer
  /** Made for the first byte: most commands write to one stream only, or to none. */
  hashes: Partial<Record<StreamName, Hash>>
  started: boolean
  /** Events of waiting. */
  waits: number
  spoke: boolean
  /** Whether it has seen all that came before: else nothing that the agent tells can be compared with it. */
  whole: boolean
}

/** An intake that has seen nothing yet; `next` is the number of its first report, `limit` the bytes of each stream in a result. */
export function newIntake(next: number, limit: number, { record }: CommandState): Intake {
  const streams = { stdout: new HeadTailBuffer(limit), stderr: new HeadTailBuffer(limit) }
  const started = record.started_at !== null
  return { next, ...streams, hashes: {}, started, waits: 0, spoke: false, whole: true }
}

export function takeIn(intake: Intake, stream: StreamName, data: Uint8Array): void {
  intake[stream].add(data)
  const hash = intake.hashes[stream] ?? createHash('sha256')
  intake.hashes[stream] = hash.update(data)
}

/** Why a report cannot be true; undefined where it can, and where that cannot be told. */
export function misfit(report: Report, state: CommandState, intake: Intake): string | undefined {
  if (report.kind === 'lost' || !intake.whole) return undefined
  return misfitOf(report, state, {
    started: intake.started,
    waits: intake.waits,
    total: (stream) => intake[stream].total,
    sha256: (stream) => intake.hashes[stream]?.copy().digest('hex') ?? HASH_OF_NOTHING,
  })
}

const HASH_OF_NOTHING = createHash('sha256').digest('hex')

/** `written`: how much the command wrote, where its agent has told. */
export function outputOf(intake: Intake, written?: Pick<ResultReport, 'stdout_bytes' | 'stderr_bytes'>) {
  return {
    stdout: intake.stdout.bytes(written?.stdout_bytes),
    stderr: intake.stderr.bytes(written?.stderr_bytes),
    stdout_truncated: intake.stdout.truncated,
    stderr_truncated: intake.stderr.truncated,
  }
}
