import { loadCLibrary } from '../../host/c-library.js'
import { markOf, type ProcessMark } from '../../host/process-mark.js'
import { CommandProcesses } from './command-processes.js'

/**
 * Ends what a killed agent left behind of one command: the group and session of its shell, found by the mark on disk,
 * and what carries the command's id in its environment. A process that only has the same id as one of them is left
 * alone. Resolves when they are gone.
 */
export async function endOrphans(
  command_id: string,
  mark: ProcessMark | undefined,
  graceMs: number,
): Promise<void> {
  const processes = new CommandProcesses({
    command_id,
    leader: mark?.pgid,
    isLeaderOurs: () => mark !== undefined && isSame(mark),
    c: await loadCLibrary(),
  })
  await processes.end(graceMs)
}

function isSame(mark: ProcessMark): boolean {
  const now = markOf(mark.pgid)
  return now !== undefined && now.started === mark.started && now.boot === mark.boot
}
