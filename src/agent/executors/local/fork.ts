import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { CLibrary } from '../../../host/c-library.js'
import { messageOf } from '../../../shared/errors.js'
import type { Exit } from '../../commands/ports.js'
import { makeFirstToBeKilled, OpenFilesLimit } from './child-limits.js'
import type { LocalProcess, OutputPipe } from './local-process.js'
import type { SpawnRequest } from './posix-spawn.js'
import { StandardPipes } from './standard-pipes.js'

/** Starts a process as Node does. Without the C library its standard streams are Node's own, which are sockets. */
export async function fork(c: CLibrary | undefined, request: SpawnRequest): Promise<LocalProcess> {
  if (c === undefined) return forkOnSockets(request)
  const pipes = new StandardPipes(c, request)
  try {
    const { stdin, stdout, stderr, script } = pipes.theirs
    const { child, pid } = await startChild(request, [stdin ?? 'ignore', stdout, stderr, script ?? 'ignore'])
    const exited = exitOf(child)
    limitOf(c)?.give(pid)
    return pipes.processOf(pid, exited)
  } finally {
    pipes.close()
  }
}

async function forkOnSockets(request: SpawnRequest): Promise<LocalProcess> {
  const { child, pid } = await startChild(request, [
    request.stdin ? 'pipe' : 'ignore',
    'pipe',
    'pipe',
    request.script ? 'pipe' : 'ignore',
  ])
  const { stdin, stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('A command is spawned with pipes for both streams.')
  return {
    pid,
    stdin,
    // The type of Node's further pipes is that of any stream; one that was asked for can be written to.
    script: (child.stdio[3] ?? null) as LocalProcess['script'],
    stdout: pipeOf(stdout),
    stderr: pipeOf(stderr),
    exited: exitOf(child),
    closed: new Promise((resolve) => child.once('close', () => resolve())),
  }
}

/** Read once: an ancestor may end. */
let openFiles: OpenFilesLimit | null | undefined

function limitOf(c: CLibrary): OpenFilesLimit | null {
  if (openFiles === undefined) openFiles = OpenFilesLimit.open(c) ?? null
  return openFiles
}

type Stdio = (number | 'ignore' | 'pipe')[]

async function startChild(
  request: SpawnRequest,
  stdio: Stdio,
): Promise<{ child: ChildProcess; pid: number }> {
  const { path, args, env, cwd } = request
  // Detached: its own session, and so its own process group.
  const child = spawn(path, args, { cwd, env, detached: true, stdio })
  if (child.pid !== undefined) makeFirstToBeKilled(child.pid)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(new Error(messageOf(error))))
  })
  if (child.pid === undefined) throw new Error('it has no process id')
  return { child, pid: child.pid }
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (exit_code, signal) => resolve({ exit_code, signal, reason: null }))
  })
}

function pipeOf(stream: Readable): OutputPipe {
  // A pipe that fails reads as one that ended: the exit still tells how the process fared.
  stream.on('error', () => stream.destroy())
  return {
    read: (onData) => void stream.on('data', onData),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    destroy: () => void stream.destroy(),
  }
}
