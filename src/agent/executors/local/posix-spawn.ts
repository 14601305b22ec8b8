import { isMainThread } from 'node:worker_threads'
import { type CLibrary, loadCLibrary } from '../../../host/c-library.js'
import { makeFirstToBeKilled, OpenFilesLimit } from './child-limits.js'
import { Children } from './children.js'
import type { LocalProcess } from './local-process.js'
import { type ChildEnds, StandardPipes } from './standard-pipes.js'
import { systemError } from './system-error.js'

/**
 * Starts processes by posix_spawn(3) of the C library. Node forks instead, which blocks it for longer the more memory
 * it has: 1 ms at 40 MB, 4 at 100, 26 at 400 on the machine of docs/performance.md, where this takes 0.2
 * regardless of the memory. A process so started is the same as one of Node's, but for its standard streams, which
 * are pipes.
 */

export type SpawnRequest = {
  path: string
  args: string[]
  env: Record<string, string>
  cwd: string
  /** Whether its standard input is a pipe; else it reads end of file. */
  stdin: boolean
  /** Whether it has a pipe to read from as descriptor 3. */
  script: boolean
}

/** Throws an `Error` whose message is the system's word for it, such as EAGAIN. */
export type PosixSpawn = (request: SpawnRequest) => LocalProcess

let loading: Promise<PosixSpawn | undefined> | undefined

/** Undefined where it cannot be had: not on Linux, in a worker thread, or without the library that calls C. */
export function loadPosixSpawn(): Promise<PosixSpawn | undefined> {
  loading ??= load()
  return loading
}

async function load(): Promise<PosixSpawn | undefined> {
  // Only a main thread hears of SIGCHLD.
  if (!isMainThread) return undefined
  const c = await loadCLibrary()
  if (c === undefined) return undefined
  try {
    const spawn = spawnFunctions(c)
    const children = new Children(c)
    const openFiles = OpenFilesLimit.open(c)
    return (request) => start({ c, spawn, children, openFiles }, request)
  } catch {
    return undefined
  }
}

type SpawnFunctions = ReturnType<typeof spawnFunctions>
type System = {
  c: CLibrary
  spawn: SpawnFunctions
  children: Children
  openFiles: OpenFilesLimit | undefined
}

// <spawn.h> and <fcntl.h> of Linux, the same in glibc and musl.
const SETSIGDEF = 0x04
const SETSIGMASK = 0x08
const SETSID = 0x80
const O_RDONLY = 0

/** Room for the library's own structures: the largest has 336 bytes in glibc. */
const STRUCTURE_BYTES = 512

/** Each gives 0 or the error's number. */
function spawnFunctions(c: CLibrary) {
  const actions = Buffer.alloc(STRUCTURE_BYTES)
  const attributes = Buffer.alloc(STRUCTURE_BYTES)
  const signals = Buffer.alloc(STRUCTURE_BYTES)
  const init = c.declare('int posix_spawnattr_init(void *attr)')
  const setFlags = c.declare('int posix_spawnattr_setflags(void *attr, short flags)')
  const setDefault = c.declare('int posix_spawnattr_setsigdefault(void *attr, const void *set)')
  const setMask = c.declare('int posix_spawnattr_setsigmask(void *attr, const void *set)')
  const fill = c.declare('int sigfillset(void *set)')
  const empty = c.declare('int sigemptyset(void *set)')
  init(attributes)
  // As for a child of Node's: a session of its own, no signal blocked, each with its default action.
  fill(signals)
  setDefault(attributes, signals)
  empty(signals)
  setMask(attributes, signals)
  setFlags(attributes, SETSID | SETSIGDEF | SETSIGMASK)
  return {
    actions,
    attributes,
    initActions: c.declare('int posix_spawn_file_actions_init(void *actions)'),
    destroyActions: c.declare('int posix_spawn_file_actions_destroy(void *actions)'),
    addDup2: c.declare('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)'),
    addOpen: c.declare(
      'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, uint mode)',
    ),
    addFolder: c.declare('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)'),
    run: c.declare(
      'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attr, const char **argv, const char **env)',
    ),
  }
}

function start(system: System, request: SpawnRequest): LocalProcess {
  const { c, children } = system
  const pipes = new StandardPipes(c, request)
  try {
    const ends = pipes.theirs
    const run = () => spawnWith(system, request, ends)
    const pid = system.openFiles?.during(ends.stderr, run) ?? run()
    makeFirstToBeKilled(pid)
    const { exited, collect } = children.watch(pid)
    return { ...pipes.processOf(pid, exited), collect }
  } finally {
    pipes.close()
  }
}

/** Gives the process id. */
function spawnWith({ spawn }: System, { path, args, env, cwd }: SpawnRequest, ends: ChildEnds): number {
  const { actions, attributes } = spawn
  const pid = [0]
  spawn.initActions(actions)
  try {
    if (ends.stdin === undefined) spawn.addOpen(actions, 0, '/dev/null', O_RDONLY, 0)
    else spawn.addDup2(actions, ends.stdin, 0)
    spawn.addDup2(actions, ends.stdout, 1)
    spawn.addDup2(actions, ends.stderr, 2)
    if (ends.script !== undefined) spawn.addDup2(actions, ends.script, 3)
    spawn.addFolder(actions, cwd)
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const failed = spawn.run(pid, path, actions, attributes, [path, ...args, null], [...variables, null])
    if (failed !== 0) throw systemError(failed)
    return pid[0] ?? 0
  } finally {
    spawn.destroyActions(actions)
  }
}
