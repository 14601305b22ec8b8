import type { Writable } from 'node:stream'
import { printable, printableJson } from '../../shared/printable.js'

export { printable }

/** Writes, and waits where the reader of a pipe is slow; where the reader is gone, the program ends meanwhile. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (!stream.write(data)) await drained(stream)
}

/** By stream: many may wait for the same one, with one listener. */
const draining = new WeakMap<Writable, Promise<void>>()

function drained(stream: Writable): Promise<void> {
  const known = draining.get(stream)
  if (known) return known
  const wait = new Promise<void>((resolve) => {
    stream.once('drain', () => {
      draining.delete(stream)
      resolve()
    })
  })
  draining.set(stream, wait)
  return wait
}

/** One value a line, for programs. */
export async function writeJson(value: unknown): Promise<void> {
  await write(process.stdout, `${printableJson(value)}\n`)
}

/** What is still to be done when a reader closes its end of our pipe. */
let beforeEnd: () => Promise<unknown> = async () => {}

export function onBrokenPipe(act: () => Promise<unknown>): void {
  beforeEnd = act
}

/**
 * A reader that closed its end of our pipe, or a terminal that was closed, wants no more of us; the shell's own code for
 * that is 141. What cannot be written for another reason, such as a full disk, is an error like any other.
 */
export function endOnBrokenPipe(): void {
  let ending = false
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: Error & { code?: string }) => {
      if (ending) return
      ending = true
      const gone = error.code === 'EPIPE' || error.code === 'EIO'
      if (!gone && stream === process.stdout) {
        process.stderr.write(
          `ogent: the output cannot be written: ${error.message}\n  Is there room where it goes to, and may you write there?\n`,
        )
      }
      const end = () => process.exit(gone ? 141 : 1)
      beforeEnd().then(end, end)
    })
  }
}

/** An address with a name and a password in it, as it may be shown. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/(\w:\/\/[^\s/?#:@]*):[^\s/?#]*@/g, '$1:***@')
}
