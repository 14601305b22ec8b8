import { loadCLibrary } from '../../../host/c-library.js'
import { markOf, type ProcessMark } from '../../../host/process-mark.js'
import { CommandProcesses } from './command-processes.js'
import type { ControlGroups } from './control-groups.js'

/**
 * Ends what a killed agent left behind of one command: the group and session of its shell, found by the mark on disk,
 * what carries the command's id in its environment, and what is in its control group, if it had one. A process that only has the same id as one of them is left
 * alone. Resolves when they are gone.
 */
export async function endOrphans(
  command_id: string,
  mark: ProcessMark | undefined,
  graceMs: number,
  controlGroups?: ControlGroups,
): Promise<void> {
  const controlGroup = controlGroups?.of(command_id)
  const processes = new CommandProcesses({
    command_id,
    leader: mark?.pgid,
    isLeaderOurs: () => mark !== undefined && isSame(mark),
    c: await loadCLibrary(),
    controlGroup,
  })
  await processes.end(graceMs)
  if (controlGroup) controlGroups?.release(controlGroup)
}

function isSame(mark: ProcessMark): boolean {
  const now = markOf(mark.pgid)
  return now !== undefined && now.started === mark.started && now.boot === mark.boot
}
