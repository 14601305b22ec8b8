import type { Writable } from 'node:stream'
import type { Exit } from '../../commands/ports.js'

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
  pid: number
  stdin: Writable | null
  /** Descriptor 3 of the process, where it reads a command from it. */
  script: Writable | null
  stdout: OutputPipe
  stderr: OutputPipe
  /** The process is gone; what it started may still hold its output. */
  exited: Promise<Exit>
  /** The process is gone, and its output is read to the end. */
  closed: Promise<void>
  /**
   * Gives up the number of a process that has ended, which is its own until then. Undefined where Node collects it:
   * its number may be another's as soon as it ends.
   */
  collect?: () => void
}
