import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'
import type { ExecSpec } from '../core/ports.js'
import { baseEnvironment, COMMAND_ID_VARIABLE, commandEnvironment } from './environment.js'

export type WarmShellOptions = {
  /** Shells kept ready. */
  size: number
  /** Commands that run now: while several do, the machine has better things to do than to start shells. */
  running: () => number
}

/** A pool is filled up again when no command was started for so long, in ms. */
const QUIET_MS = 20

/** A shell reads its script byte by byte: a long one is faster by an argument. */
const LONGEST_SCRIPT = 1024

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

type Ready = { child: ChildProcess; script: Writable; mark: string }

/**
 * Shells started ahead of need, each used once and then gone. Node forks, which takes longer the more memory
 * the agent has and blocks it meanwhile; with a shell at hand a command costs one exec instead. The process
 * is then the same as a cold one: `/bin/sh -c` with the same environment, folder, pipes and group of its own.
 */
export class WarmShells {
  readonly #options: WarmShellOptions
  readonly #ready: Ready[] = []
  #quiet: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: WarmShellOptions) {
    this.#options = options
    this.#fillLater()
  }

  /** Process ids of the shells that wait. */
  get ready(): number[] {
    return this.#ready.flatMap(({ child }) => child.pid ?? [])
  }

  /** Starts the command in a shell that is ready; undefined when there is none, or it would be no gain. */
  start(spec: ExecSpec): ChildProcess | undefined {
    const script = scriptOf(spec)
    if (script.length > LONGEST_SCRIPT) return undefined
    const shell = this.#ready.shift()
    if (shell) shell.script.end(`${script}\n${shell.mark}\n`)
    const low = this.#ready.length < this.#options.size / 2
    // While the command runs the agent only waits for it: the best moment for one shell more.
    if (low && this.#options.running() === 0) setImmediate(() => this.#add())
    else this.#fillLater()
    return shell?.child
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#quiet)
    for (const { script } of this.#ready.splice(0)) script.end()
  }

  #fillLater(): void {
    if (this.#closed) return
    if (this.#quiet) this.#quiet.refresh()
    else this.#quiet = setTimeout(() => this.#fill(), QUIET_MS)
  }

  /** One shell at a time, so that whatever comes meanwhile waits for one at most. */
  #fill(): void {
    if (this.#closed || this.#ready.length >= this.#options.size) return
    if (this.#options.running() > 1) return this.#fillLater()
    this.#add()
    setImmediate(() => this.#fill())
  }

  #add(): void {
    if (this.#closed || this.#ready.length >= this.#options.size) return
    const mark = randomBytes(8).toString('hex')
    const env = baseEnvironment()
    const child = spawn('/bin/sh', ['-c', WAIT_FOR_SCRIPT, '/bin/sh', mark], {
      cwd: env.HOME,
      env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    // A fourth pipe made by spawn is writable; its type tells no direction.
    const shell: Ready = { child, script: child.stdio[3] as Writable, mark }
    // A shell that ends unused, or could not be started, is no longer ready; a cold start says what is wrong.
    child.on('error', () => this.#remove(shell))
    child.once('exit', () => this.#remove(shell))
    shell.script.on('error', () => {})
    this.#ready.push(shell)
  }

  #remove(shell: Ready): void {
    const at = this.#ready.indexOf(shell)
    if (at >= 0) this.#ready.splice(at, 1)
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
