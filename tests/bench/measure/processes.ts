import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Reads of /proc: CPU time and memory of processes and what they started. */

/** Linux counts CPU time in ticks of so many ms (USER_HZ is 100 on every supported kernel). */
const TICK_MS = 10

/** These processes and all below them. */
function family(roots: number[]): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = statOf(Number(name))?.parent
    if (parent === undefined) continue
    const siblings = children.get(parent)
    if (siblings) siblings.push(Number(name))
    else children.set(parent, [Number(name)])
  }
  const found = new Set<number>()
  const visit = (pid: number) => {
    if (found.has(pid)) return
    found.add(pid)
    for (const child of children.get(pid) ?? []) visit(child)
  }
  for (const root of roots) visit(root)
  return [...found]
}

/** user + system time so far, in ms, of these processes, all below them, and all that these have reaped. */
export function cpuMs(roots: number[]): number {
  return family(roots).reduce((sum, pid) => sum + (statOf(pid)?.ticks ?? 0) * TICK_MS, 0)
}

/** Resident memory now, in bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS')
}

/** The most that any of these processes, or one below them, had resident since `resetPeaks`, in bytes. */
export function peakBytes(roots: number[]): number {
  return Math.max(0, ...family(roots).map((pid) => statusBytes(pid, 'VmHWM')))
}

/** Lets the peaks begin anew; false where the kernel does not allow it (proc(5), clear_refs). */
export function resetPeaks(roots: number[]): boolean {
  try {
    for (const pid of family(roots)) writeFileSync(`/proc/${pid}/clear_refs`, '5')
    return true
  } catch {
    return false
  }
}

export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state
  return state !== undefined && state !== 'Z'
}

/** Processes that name this text in their command line; for what may have been left behind. */
export function processesNaming(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
      } catch {
        return false
      }
    })
}

/** The most files that this process may have open; what it starts may have as many. */
export function openFilesLimit(): number {
  const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+\S+\s+(\S+)/m)
  return line?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line?.[1] ?? 1024)
}

function statOf(pid: number): { parent: number; state: string; ticks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in brackets may hold anything, so fields are counted after its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), of which the first here is the third.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    return { parent: Number(fields[1]), state: fields[0] ?? '', ticks }
  } catch {
    return undefined
  }
}

function statusBytes(pid: number, field: string): number {
  try {
    const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'))
    return Number(line?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
