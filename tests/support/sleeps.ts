import { readdirSync, readFileSync } from 'node:fs'

/** Sleeps that can be told from all others by their argument, whatever their environment. */
export class Sleeps {
  readonly #seconds = 100_000 + Math.floor(Math.random() * 800_000)
  readonly text = `sleep ${this.#seconds}`
  /** By nothing but its control group can this one be found: no environment, a session of its own, its parent gone. */
  readonly hidden = `env -i setsid sh -c '(${this.text} &)' >/dev/null 2>&1`

  pids(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && this.#is(name))
      .map(Number)
  }

  end(): void {
    for (const pid of this.pids()) process.kill(pid, 'SIGKILL')
  }

  #is(pid: string): boolean {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${this.#seconds}\0`
    } catch {
      return false
    }
  }
}
