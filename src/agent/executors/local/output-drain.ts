/** What a command started and did not wait for: it may hold the command's output open after its end. */
import { resolvesWithin } from '../../../shared/async/timeout.js'
import type { OutputQueue } from '../output-queue.js'

export type LeftBehindInput = {
  output: OutputQueue
  /** When no process holds the output any more and all of it is read. */
  closed: Promise<void>
  /** How long it may be held after the command's own end, in ms. */
  leftBehindMs: number
  /** How long what was written before the end may still be on its way, in ms: links may be slow. */
  inFlightMs: number
  /** Ends the command's process group, asking first and forcing after `leftBehindMs`; false: there is none. */
  endGroup(): Promise<boolean>
  /** Stops reading, for a holder outside the group. */
  abandon(): void
  /** Resolves when the command was ended by force: its output is then read as long as it comes, and not waited for. */
  forced?: Promise<void>
}

/** The least time that output may take from a command's end to its own, in ms, regardless of what is configured. */
const SHORTEST_MS = 100

/** How long a stream may stay open and silent after its group is gone, in ms: a process outside holds it. */
const SILENT_MS = 1000

/** What may still be on its way from a target after the command's end, in bytes; more is another process's. */
const IN_FLIGHT_BYTES = 4 * 1024 * 1024

/** Waits for the output to close after the command's own end; says what had to be done for that, if anything. */
export async function closeOutput(input: LeftBehindInput): Promise<string | null> {
  const { output, closed, leftBehindMs, inFlightMs, endGroup, abandon, forced } = input
  const closes = closesWithin(closed, output, Math.max(leftBehindMs, SHORTEST_MS))
  const first = await (forced ? Promise.race([closes, forced.then(() => 'forced' as const)]) : closes)
  if (first === true) return null
  const after =
    first === 'forced' ? 'after its end by force' : `${leftBehindMs / 1000} s after the shell's exit`
  const ended = await endGroup()
  if (await closesWhileRead(closed, output, inFlightMs)) {
    // No process held it: it was only long on its way.
    return ended ? `Processes left behind still held the output ${after}; they were ended.` : null
  }
  abandon()
  await closed
  return `A process outside the command's group still held the output ${after}; what it writes is not read.`
}

/** Whether it closes in so many ms of reading; time in which a slow reader holds the output back is not counted. */
async function closesWithin(closed: Promise<void>, output: OutputQueue, ms: number): Promise<boolean> {
  const end = performance.now() - output.pausedMs + ms
  while (true) {
    const left = end - (performance.now() - output.pausedMs)
    if (left <= 0) return false
    if (await resolvesWithin(closed, Math.max(left, 10))) return true
  }
}

/** Whether it closes as what is on its way comes in; false once it stays open in silence, or too much comes. */
async function closesWhileRead(closed: Promise<void>, output: OutputQueue, ms: number): Promise<boolean> {
  const most = output.received + IN_FLIGHT_BYTES
  const end = performance.now() - output.pausedMs + ms
  while (output.received <= most && performance.now() - output.pausedMs < end) {
    const before = output.received
    if (await closesWithin(closed, output, Math.min(SILENT_MS, ms))) return true
    if (output.received === before) return false
  }
  return false
}
