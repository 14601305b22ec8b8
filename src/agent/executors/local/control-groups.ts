import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { sleep } from '../../../shared/async/sleep.js'
import { ControlGroup } from './control-group.js'
import { isLeftToUs, ownControlGroup } from './own-control-group.js'

const PREFIX = 'ogent-'
/** A group of another agent that is empty for so long is not just about to be used, in ms. */
const FORGOTTEN_MS = 60 * 60 * 1000
/** Groups that were left are looked at again so many at a time, with each command that ends, */
const LOOKED_AT = 2
/** and so many ms after the last one: what was about to end has ended by then. */
const LOOK_AGAIN_MS = 1000
/** A machine on which a shell takes so many ms to enter its group is not one to do that on. */
const TRIAL_MS = 5000
const TRIAL_POLL_MS = 2

export type ControlGroupsOptions = {
  /** Tells the groups of this agent from those of another in the same place: its state folder. */
  owner: string
  /** Where they are made; else in the group that this process is in. */
  parent?: string
}

/**
 * A control group for each command, in which all that it starts stays, regardless of what that does to its
 * environment, session and parent.
 */
export class ControlGroups {
  readonly #parent: string
  readonly #prefix: string
  /** Of commands that have ended and whose group was not empty, the one that was looked at last at the end. */
  readonly #left = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  private constructor(parent: string, owner: string) {
    this.#parent = parent
    this.#prefix = `${PREFIX}${hashOf(resolve(owner)).slice(0, 8)}-`
  }

  /** Undefined where they cannot be had, which is found out by making, entering, killing and removing one. */
  static async open({ owner, parent = ownControlGroup() }: ControlGroupsOptions) {
    if (parent === undefined || !(await isLeftToUs(parent))) return undefined
    const groups = new ControlGroups(parent, owner)
    groups.#removeForgotten()
    return (await works(groups.of(`trial of ${process.pid}`))) ? groups : undefined
  }

  /** A new group; undefined where it cannot be made, or another command with this id has left something in it. */
  make(command_id: string): ControlGroup | undefined {
    const group = this.of(command_id)
    // One that was not left is in use.
    if (this.#left.has(group.path) && group.remove()) this.#left.delete(group.path)
    return group.make() ? group : undefined
  }

  /** The group of a command, which may not be there. */
  of(command_id: string): ControlGroup {
    return new ControlGroup(join(this.#parent, this.#prefix + nameOf(command_id)))
  }

  /** Of a command that has ended. What it has detached goes on in its group, which is removed once that is empty. */
  release(group: ControlGroup): void {
    this.#lookAtLeft(LOOKED_AT)
    if (group.remove()) return
    this.#left.add(group.path)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lookAtLeft(this.#left.size), LOOK_AGAIN_MS).unref()
  }

  #lookAtLeft(most: number): void {
    for (const path of [...first(this.#left, most)]) {
      this.#left.delete(path)
      if (!new ControlGroup(path).remove()) this.#left.add(path)
    }
  }

  /** Of agents that were killed. Those of this one that are not empty are remembered. */
  #removeForgotten(): void {
    try {
      for (const name of readdirSync(this.#parent)) {
        if (!name.startsWith(PREFIX)) continue
        const path = join(this.#parent, name)
        const isOurs = name.startsWith(this.#prefix)
        if (!isOurs && Date.now() - statSync(path).mtimeMs < FORGOTTEN_MS) continue
        if (!new ControlGroup(path).remove() && isOurs) this.#left.add(path)
      }
    } catch {
      // Gone meanwhile, or not to be read: the trial shows whether groups can be used.
    }
  }
}

/** An id is any text; a name of a folder is not. No hash is one of the ids that are taken as they are: it has a dot. */
function nameOf(command_id: string): string {
  return /^[\w-]{1,100}$/.test(command_id) ? command_id : `.${hashOf(command_id)}`
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function* first<T>(all: Iterable<T>, count: number): Iterable<T> {
  let left = count
  for (const one of all) {
    if (left <= 0) return
    left -= 1
    yield one
  }
}

/** Whether a process can enter the group and be ended by it: `cgroup.kill` came with Linux 5.14. */
async function works(group: ControlGroup): Promise<boolean> {
  if (!group.make()) return false
  // It reads until its input is closed, which the end of this process does as well.
  const { path, args } = group.argumentsToRun(['/bin/sh', '-c', 'echo ready; read -r line'])
  const child = spawn(path, args, { cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] })
  for (const stream of [child.stdin, child.stdout]) stream.on('error', () => {})
  const patience = AbortSignal.timeout(TRIAL_MS)
  const ended = once(child, 'exit', { signal: patience }).catch(() => [])
  try {
    await Promise.race([once(child.stdout, 'data', { signal: patience }), ended])
    if (!group.processes().some(({ pid }) => pid === child.pid)) return false
    group.kill()
    const [, signal] = await ended
    return signal === 'SIGKILL' && (await holdsWithin(() => group.remove(), TRIAL_MS))
  } catch {
    return false
  } finally {
    child.kill('SIGKILL')
    await ended
    group.remove()
  }
}

async function holdsWithin(holds: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  while (!holds()) {
    if (performance.now() > deadline) return false
    await sleep(TRIAL_POLL_MS)
  }
  return true
}
