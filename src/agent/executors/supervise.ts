import { readdirSync, readFileSync } from 'node:fs'
import { markOf, type ProcessMark } from '../../host/process-mark.js'
import { COMMAND_ID_VARIABLE } from './environment.js'
import { endGroup, groupExists } from './process-group.js'

const POLL_MS = 50
/** After KILL a process is gone at once, unless it hangs in the kernel: then there is no more to do. */
const AFTER_KILL_MS = 2000

/**
 * Ends the process groups that a killed agent left behind for one command: its own group, found by the mark
 * on disk, and any other whose members carry the command's id in their environment. A process that only has
 * the same number as one of them is left alone. Resolves when they are gone.
 */
export async function endOrphans(
  command_id: string,
  mark: ProcessMark | undefined,
  graceMs: number,
): Promise<void> {
  const groups = groupsOf(command_id)
  if (mark && isSame(mark)) groups.add(mark.pgid)
  const stops = [...groups].map((pgid) => endGroup(pgid, graceMs))
  const deadline = performance.now() + graceMs + AFTER_KILL_MS
  while ([...groups].some(groupExists) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  for (const stop of stops) stop()
}

function isSame(mark: ProcessMark): boolean {
  const now = markOf(mark.pgid)
  return now !== undefined && now.started === mark.started && now.boot === mark.boot
}

/** Groups with a member that carries the command's id. Empty where there is no /proc. */
function groupsOf(command_id: string): Set<number> {
  const wanted = `${COMMAND_ID_VARIABLE}=${command_id}`
  const groups = new Set<number>()
  for (const name of processes()) {
    try {
      const environ = readFileSync(`/proc/${name}/environ`, 'utf8')
      if (!environ.split('\0').includes(wanted)) continue
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      // Field 5 of proc(5), counted from the bracket that ends the name in field 2.
      const pgid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
      if (pgid > 1) groups.add(pgid)
    } catch {
      // Gone meanwhile, or another user's.
    }
  }
  return groups
}

function processes(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  } catch {
    return []
  }
}
