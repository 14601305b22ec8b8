/**
 * Pipes to and from a process, made by pipe2(2). What Node.js makes for a child are socket pairs: a socket cannot be
 * opened by its path (/dev/stderr, /proc/self/fd/1), and bash takes a socket on its standard input for a remote login.
 */
import { Socket, type SocketConstructorOpts } from 'node:net'
import type { CLibrary } from '../../../host/c-library.js'
import type { OutputPipe } from './local-process.js'
import { systemError } from './system-error.js'

/** The two ends of a pipe: one for this process, one for the child. Both are closed in any program that is executed. */
export type Pipe = { ours: number; theirs: number }

// <fcntl.h> of Linux.
const O_CLOEXEC = 0o2000000
const F_SETPIPE_SZ = 1031

export function makePipe(c: CLibrary, reader: 'ours' | 'theirs'): Pipe {
  const ends = [-1, -1]
  if (c.pipe(ends, O_CLOEXEC) !== 0) throw systemError(c.errorNumber())
  const [read = -1, write = -1] = ends
  return reader === 'ours' ? { ours: read, theirs: write } : { ours: write, theirs: read }
}

/** The end that is written to. The descriptor is closed with the stream. */
export function openInput(fd: number): Socket {
  return new Socket({ fd, readable: false, writable: true })
}

/** What is read goes into buffers that grow: a short output costs little, a long one few reads and no copies. */
const FIRST_BUFFER_BYTES = 4 * 1024
const LONGEST_BUFFER_BYTES = 128 * 1024
const GROWTH = 8
/** With less room than this part of a buffer left, the next one is taken. */
const LEAST_ROOM = 1 / 8

/** A pipe holds 64 KiB. One that has carried so much is made larger, so that its writer has to wait less often. */
const LONG_OUTPUT_BYTES = 128 * 1024
const LARGE_PIPE_BYTES = 256 * 1024

/** The end that is read. Chunks that follow one another in a buffer can be put together without a copy. */
export function openOutput(c: CLibrary, fd: number): { pipe: OutputPipe; closed: Promise<void> } {
  let deliver: (data: Uint8Array) => void = () => {}
  let buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES)
  let used = 0
  let received = 0
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
      const before = received
      received += bytes
      // Refused where this user has many large pipes already: it then stays as it is.
      if (before < LONG_OUTPUT_BYTES && received >= LONG_OUTPUT_BYTES) {
        c.control(fd, F_SETPIPE_SZ, 'int', LARGE_PIPE_BYTES)
      }
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
