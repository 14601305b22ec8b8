import { readFileSync } from 'node:fs'

/** A process as it can be found again by another: its number (and its group's, which it leads) and its start. */
export type ProcessMark = { pgid: number; started: string; boot: string }

/**
 * What tells a process from a later one with the same number: when it was started, in clock ticks since boot
 * (field 22 of /proc/PID/stat, proc(5)), and which boot that was. Undefined where there is no such process,
 * or no /proc.
 */
export function markOf(pid: number): ProcessMark | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in field 2 may hold spaces and brackets: count from the last bracket on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const started = fields[19]
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return started === undefined ? undefined : { pgid: pid, started, boot }
  } catch {
    return undefined
  }
}
