import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Exit } from '../core/ports.js'

/** One output of a process. */
export type OutputPipe = {
  /** Begins to read: each chunk as it comes. A chunk is never written to again. */
  read(onData: (data: Uint8Array) => void): void
  pause(): void
  resume(): void
  /** Reads no more. */
  destroy(): void
}

/** A process on this machine as an execution follows it, however it was started. */
export type LocalProcess = {
  pid: number | undefined
  stdin: Writable | null
  stdout: OutputPipe
  stderr: OutputPipe
  /** The process is gone; what it started may still hold its output. */
  exited: Promise<Exit>
  /** The process is gone, and its output is read to the end. */
  closed: Promise<void>
}

export function fromChild(child: ChildProcess): LocalProcess {
  const { pid, stdin, stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('A command is spawned with pipes for both streams.')
  return {
    pid,
    stdin,
    stdout: pipeOf(stdout),
    stderr: pipeOf(stderr),
    exited: new Promise((resolve) => {
      child.once('exit', (exit_code, signal) => resolve({ exit_code, signal, reason: null }))
    }),
    closed: new Promise((resolve) => child.once('close', () => resolve())),
  }
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
