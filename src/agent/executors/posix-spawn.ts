import { Socket, type SocketConstructorOpts } from 'node:net'
import { constants } from 'node:os'
import { isMainThread } from 'node:worker_threads'
import type { Exit } from '../core/ports.js'
import type { LocalProcess, OutputPipe } from './local-process.js'

/**
 * Starts processes by posix_spawn(3) of the C library. Node forks instead, which blocks it for longer the more memory
 * it has: 1 ms at 40 MB, 4 at 100, 26 at 400 on the machine of docs/performance.md, where this takes 0.2 whatever the
 * memory. A process so started is the same as one of Node's.
 */

export type SpawnRequest = {
  path: string
  args: string[]
  env: Record<string, string>
  cwd: string
  /** Whether its standard input is a pipe; else it reads end of file. */
  stdin: boolean
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
  // The numbers below are those of Linux, and only a main thread hears of SIGCHLD.
  if (process.platform !== 'linux' || !isMainThread) return undefined
  try {
    const { default: koffi } = await import('koffi')
    const system = systemCalls(koffi)
    const children = new Children(system)
    return (request) => start(system, children, request)
  } catch {
    return undefined
  }
}

type Koffi = typeof import('koffi')['default']
type System = ReturnType<typeof systemCalls>

// <spawn.h> and <sys/socket.h> of Linux, the same in glibc and musl.
const SETSIGDEF = 0x04
const SETSIGMASK = 0x08
const SETSID = 0x80
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000
const O_RDONLY = 0
const WNOHANG = 1

/** Room for the library's own structures: the largest has 336 bytes in glibc. */
const STRUCTURE_BYTES = 512

/** The C library's functions; each gives 0 or the error's number, but for those that are said to differ. */
function systemCalls(koffi: Koffi) {
  const library = koffi.load(null)
  const actions = Buffer.alloc(STRUCTURE_BYTES)
  const attributes = Buffer.alloc(STRUCTURE_BYTES)
  const signals = Buffer.alloc(STRUCTURE_BYTES)
  const init = library.func('int posix_spawnattr_init(void *attr)')
  const setFlags = library.func('int posix_spawnattr_setflags(void *attr, short flags)')
  const setDefault = library.func('int posix_spawnattr_setsigdefault(void *attr, const void *set)')
  const setMask = library.func('int posix_spawnattr_setsigmask(void *attr, const void *set)')
  const fill = library.func('int sigfillset(void *set)')
  const empty = library.func('int sigemptyset(void *set)')
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
    initActions: library.func('int posix_spawn_file_actions_init(void *actions)'),
    destroyActions: library.func('int posix_spawn_file_actions_destroy(void *actions)'),
    addDup2: library.func('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)'),
    addOpen: library.func(
      'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, uint mode)',
    ),
    addFolder: library.func('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)'),
    spawn: library.func(
      'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attr, const char **argv, const char **env)',
    ),
    socketPair: library.func('int socketpair(int domain, int type, int protocol, _Out_ int *pair)'),
    close: library.func('int close(int fd)'),
    /** Gives the process id once it has ended, 0 before, -1 with an error. */
    wait: library.func('int waitpid(int pid, _Out_ int *status, int options)'),
    errorNumber: () => koffi.errno(),
  }
}

function start(system: System, children: Children, request: SpawnRequest): LocalProcess {
  const opened: Pair[] = []
  const pair = () => {
    const made = makePair(system)
    opened.push(made)
    return made
  }
  try {
    const stdin = request.stdin ? pair() : undefined
    const stdout = pair()
    const stderr = pair()
    const pid = spawnWith(system, request, stdin?.theirs, stdout.theirs, stderr.theirs)
    const exited = children.watch(pid)
    const input = stdin && new Socket({ fd: stdin.ours, readable: false, writable: true })
    const out = openOutput(stdout.ours)
    const err = openOutput(stderr.ours)
    // What the process itself still held goes with it.
    if (input) void exited.then(() => input.destroy())
    opened.length = 0
    return {
      pid,
      stdin: input ?? null,
      stdout: out.pipe,
      stderr: err.pipe,
      exited,
      closed: Promise.all([exited, out.closed, err.closed]).then(() => {}),
    }
  } finally {
    for (const { ours } of opened) system.close(ours)
  }
}

/** What is read goes into buffers that grow: a short output costs little, a long one few reads and no copies. */
const FIRST_BUFFER_BYTES = 4 * 1024
const LONGEST_BUFFER_BYTES = 128 * 1024
const GROWTH = 8
/** With less room than this part of a buffer left, the next one is taken. */
const LEAST_ROOM = 1 / 8

/** Chunks that follow one another in a buffer can be put together without a copy. */
function openOutput(fd: number): { pipe: OutputPipe; closed: Promise<void> } {
  let deliver: (data: Uint8Array) => void = () => {}
  let buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES)
  let used = 0
  const nextRoom = () => {
    if (buffer.length - used >= buffer.length * LEAST_ROOM) return buffer.subarray(used)
    buffer = Buffer.allocUnsafe(Math.min(buffer.length * GROWTH, LONGEST_BUFFER_BYTES))
    used = 0
    return buffer
  }
  const onread = {
    buffer: nextRoom,
    callback: (bytes: number, room: Uint8Array) => {
      used += bytes
      deliver(room.subarray(0, bytes))
      return true
    },
  }
  // Typed for connections by address alone; Node takes it for a file as well.
  const socket = new Socket({ fd, readable: true, writable: false, onread } as SocketConstructorOpts)
  // A pipe that fails reads as one that ended: the exit still tells how the process fared.
  socket.on('error', () => socket.destroy())
  socket.pause()
  const pipe: OutputPipe = {
    read: (onData) => {
      deliver = onData
      socket.resume()
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  }
  return { pipe, closed: new Promise((resolve) => socket.once('close', () => resolve())) }
}

type Pair = { ours: number; theirs: number }

function makePair(system: System): Pair {
  const ends = [-1, -1]
  if (system.socketPair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) !== 0) {
    throw systemError(system.errorNumber())
  }
  const [ours = -1, theirs = -1] = ends
  return { ours, theirs }
}

/** Gives the process id; the child's ends are closed here, however it went. */
function spawnWith(
  system: System,
  { path, args, env, cwd }: SpawnRequest,
  stdin: number | undefined,
  stdout: number,
  stderr: number,
): number {
  const { actions, attributes } = system
  const pid = [0]
  system.initActions(actions)
  try {
    if (stdin === undefined) system.addOpen(actions, 0, '/dev/null', O_RDONLY, 0)
    else system.addDup2(actions, stdin, 0)
    system.addDup2(actions, stdout, 1)
    system.addDup2(actions, stderr, 2)
    system.addFolder(actions, cwd)
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const failed = system.spawn(pid, path, actions, attributes, [path, ...args, null], [...variables, null])
    if (failed !== 0) throw systemError(failed)
    return pid[0] ?? 0
  } finally {
    system.destroyActions(actions)
    for (const fd of [stdin, stdout, stderr]) if (fd !== undefined) system.close(fd)
  }
}

function systemError(number: number): Error {
  const [name] = Object.entries(constants.errno).find(([, known]) => known === number) ?? [`error ${number}`]
  return new Error(name)
}

/** Looks after the processes that Node does not know of. A missed signal costs so many ms, and nothing else. */
const LOOK_AGAIN_MS = 1000

/** Collects the ends of processes. Until then a process's number stays its own, so a signal cannot hit another. */
class Children {
  readonly #system: System
  readonly #running = new Map<number, (exit: Exit) => void>()
  readonly #timer: NodeJS.Timeout

  constructor(system: System) {
    this.#system = system
    process.on('SIGCHLD', () => this.#collect())
    this.#timer = setInterval(() => this.#collect(), LOOK_AGAIN_MS)
    this.#timer.unref()
  }

  watch(pid: number): Promise<Exit> {
    // Whoever waits for the end keeps the program running, as with a child of Node's.
    this.#timer.ref()
    return new Promise((resolve) => this.#running.set(pid, resolve))
  }

  #collect(): void {
    for (const [pid, resolve] of this.#running) {
      const status = [0]
      const ended = this.#system.wait(pid, status, WNOHANG)
      if (ended === 0) continue
      this.#running.delete(pid)
      resolve(ended === pid ? exitOf(status[0] ?? 0) : unseen(systemError(this.#system.errorNumber())))
    }
    if (this.#running.size === 0) this.#timer.unref()
  }
}

/** The two forms of an end, as <sys/wait.h> has them. */
function exitOf(status: number): Exit {
  const signal = status & 0x7f
  if (signal === 0) return { exit_code: (status >> 8) & 0xff, signal: null, reason: null }
  return { exit_code: null, signal: signalNames.get(signal) ?? `signal ${signal}`, reason: null }
}

function unseen({ message }: Error): Exit {
  return {
    exit_code: null,
    signal: null,
    reason: `The end of the process was not seen: ${message}.`,
    lost: true,
  }
}

/** Of several names of a signal, the first: SIGABRT, not SIGIOT. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
)
