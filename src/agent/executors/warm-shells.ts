import { randomBytes } from 'node:crypto'
import type { ExecSpec } from '../core/ports.js'
import { baseEnvironment, COMMAND_ID_VARIABLE, commandEnvironment } from './environment.js'
import type { LocalProcess } from './local-process.js'
import { type Spawned, SpawnThread } from './spawn-thread.js'

/** A shell reads its script byte by byte: a long one is faster by an argument. */
const LONGEST_SCRIPT = 1024

/** How long no command may have begun before a shell is started, in ms. */
const QUIET_MS = 20

/** After shells could not be started, the next try waits so long, in ms: a cold start says what is wrong. */
const RETRY_MS = 5000

/**
 * Waits for a script on the fourth pipe, up to a line that only its agent knows, and becomes what it says. A
 * pipe that ends before that line (its agent is gone) ends the shell, with nothing of the script run.
 */
const WAIT_FOR_SCRIPT = `s=
while IFS= read -r l; do
[ "$l" = "$1" ] && break
s="$s$l
"
done <&3
[ "$l" = "$1" ] || exit 0
exec 3<&-
eval "$s"`

type Ready = { shell: Spawned; mark: string }

/**
 * Shells started ahead of need by a thread of their own, each used once and then gone. Node forks, which takes
 * longer the more memory the agent has and blocks whoever does it; with a shell at hand a command costs one exec
 * instead. The process is then the same as a cold one: `/bin/sh -c` with the same environment, folder, pipes and
 * group of its own.
 */
export class WarmShells {
  readonly #size: number
  readonly #thread = new SpawnThread()
  readonly #ready: Ready[] = []
  #starting = false
  #later: NodeJS.Timeout | undefined
  #restUntil = 0
  #closed = false

  /** `size`: shells kept ready. */
  constructor(size: number) {
    this.#size = size
    this.#fill()
  }

  /** Process ids of the shells that wait. */
  get ready(): number[] {
    return this.#ready.map(({ shell }) => shell.pid)
  }

  /** Starts the command in a shell that is ready; undefined when there is none, or it would be no gain. */
  start(spec: ExecSpec): LocalProcess | undefined {
    const script = scriptOf(spec)
    if (script.length > LONGEST_SCRIPT) return undefined
    const ready = this.#ready.shift()
    this.#fillLater()
    if (!ready) return undefined
    ready.shell.script.end(`${script}\n${ready.mark}\n`)
    return ready.shell
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#later)
    for (const { shell } of this.#ready.splice(0)) shell.script.end()
    this.#thread.close()
  }

  /** Only when no command has begun for a while: on a small machine the two would hold each other up. */
  #fillLater(): void {
    if (this.#later) this.#later.refresh()
    else this.#later = setTimeout(() => this.#fill(), QUIET_MS).unref()
  }

  /** One at a time: commands that run meanwhile share the machine with it. */
  #fill(): void {
    if (this.#closed || this.#starting || this.#ready.length >= this.#size) return
    if (performance.now() < this.#restUntil) return
    this.#starting = true
    void this.#add().finally(() => {
      this.#starting = false
      this.#fillLater()
    })
  }

  async #add(): Promise<void> {
    const mark = randomBytes(8).toString('hex')
    const env = baseEnvironment()
    try {
      const shell = await this.#thread.spawn(['-c', WAIT_FOR_SCRIPT, '/bin/sh', mark], env, env.HOME)
      // A shell may end before or while it is used: what it is worth then, its exit tells.
      for (const socket of [shell.stdin, shell.script]) socket?.on('error', () => {})
      shell.script.resume()
      if (this.#closed) return void shell.script.end()
      const ready: Ready = { shell, mark }
      this.#ready.push(ready)
      void shell.exited.then(() => this.#remove(ready))
    } catch {
      this.#restUntil = performance.now() + RETRY_MS
    }
  }

  #remove(ready: Ready): void {
    const at = this.#ready.indexOf(ready)
    if (at >= 0) this.#ready.splice(at, 1)
    this.#fill()
  }
}

function scriptOf(spec: ExecSpec): string {
  const lines: string[] = []
  if (spec.stdin === undefined) lines.push('exec </dev/null')
  if (spec.cwd !== undefined) lines.push(`cd -P -- ${quote(spec.cwd)} || exit 126`, 'unset OLDPWD')
  const shell = `/bin/sh -c ${quote(spec.command)}`
  if (spec.env === undefined) {
    lines.push(`export ${COMMAND_ID_VARIABLE}=${quote(spec.command_id)}`, `exec ${shell}`)
  } else {
    // Names that mean something to a shell (IFS, UID) must not pass through one.
    const pairs = Object.entries(commandEnvironment(spec)).map(([name, value]) => quote(`${name}=${value}`))
    lines.push(`exec /usr/bin/env -i ${pairs.join(' ')} ${shell}`)
  }
  return lines.join('\n')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
