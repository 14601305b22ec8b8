import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Exit } from '../core/ports.js'

/** A process on this machine as an execution follows it, however it was started. */
export type LocalProcess = {
  pid: number | undefined
  stdin: Writable | null
  stdout: Readable
  stderr: Readable
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
    stdout,
    stderr,
    exited: new Promise((resolve) => {
      child.once('exit', (exit_code, signal) => resolve({ exit_code, signal, reason: null }))
    }),
    closed: new Promise((resolve) => child.once('close', () => resolve())),
  }
}
