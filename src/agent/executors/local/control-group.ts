import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ProcessRow, processRow } from './process-table.js'

const SHELL = '/bin/sh'
// A process that writes 0 moves itself. It has started nothing before, so nothing of the command can be outside.
const ENTER_AND_RUN = '{ echo 0 >"$0"; } 2>/dev/null; exec "$@"'

/** A control group (cgroups(7), version 2), by its folder. */
export class ControlGroup {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  make(): boolean {
    return succeeds(() => mkdirSync(this.path))
  }

  /** What the shell is to be started with so that it enters the group, and then becomes this program. */
  argumentsToRun(program: string[]): { path: string; args: string[] } {
    return { path: SHELL, args: ['-c', ENTER_AND_RUN, join(this.path, 'cgroup.procs'), ...program] }
  }

  /** Whether a live process is in it, or in a group inside it. */
  get isPopulated(): boolean {
    try {
      return /^populated 1$/m.test(readFileSync(join(this.path, 'cgroup.events'), 'utf8'))
    } catch {
      return false
    }
  }

  /** Its processes but this one, and those of the groups that were made inside it. */
  processes(): ProcessRow[] {
    const rows = this.#pids().flatMap((pid) => (pid === process.pid ? [] : (processRow(pid) ?? [])))
    // An id that was free in between may be a stranger's by now.
    const still = new Set(this.#pids())
    return rows.filter(({ pid }) => still.has(pid))
  }

  /** Ends all of them at once by KILL, and what they are about to start. */
  kill(): void {
    // A command with the rights of its agent could have moved that into its own group.
    if (this.#pids().includes(process.pid)) return
    succeeds(() => writeFileSync(join(this.path, 'cgroup.kill'), '1'))
  }

  /** With the groups that were made inside it. False while there is a process in one of them. */
  remove(): boolean {
    if (succeeds(() => rmdirSync(this.path))) return true
    if (this.isPopulated) return false
    for (const inner of this.#inside()) inner.remove()
    return succeeds(() => rmdirSync(this.path)) || !succeeds(() => readdirSync(this.path))
  }

  #pids(): number[] {
    try {
      const ids = readFileSync(join(this.path, 'cgroup.procs'), 'utf8').split('\n').map(Number)
      // Shown as 0: a process that this one's namespace does not have.
      const own = ids.filter((pid) => pid > 1)
      return [...own, ...this.#inside().flatMap((inner) => inner.#pids())]
    } catch {
      return []
    }
  }

  #inside(): ControlGroup[] {
    try {
      return readdirSync(this.path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => new ControlGroup(join(this.path, name)))
    } catch {
      return []
    }
  }
}

function succeeds(act: () => void): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}
