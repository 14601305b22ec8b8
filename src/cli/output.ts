import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Writes, and waits where the reader of a pipe is slow. A reader that is gone ends the program, as in any pipe. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (stream.write(data)) return
  await Promise.race([once(stream, 'drain'), once(stream, 'close')])
}

/** A reader that closed its end of our pipe wants no more of us; the shell's own code for that is 141. */
export function endOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'EPIPE') process.exit(141)
      throw error
    })
  }
}

/** Rows of text in aligned columns. */
export function table(rows: string[][]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
