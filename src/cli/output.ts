import type { Writable } from 'node:stream'

/** Writes, and waits where the reader of a pipe is slow; where the reader is gone, the program ends meanwhile. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (stream.write(data)) return
  await new Promise<void>((resolve) => stream.once('drain', resolve))
}

/** What is still to be done when a reader closes its end of our pipe. */
let beforeEnd: () => Promise<void> = async () => {}

export function onBrokenPipe(act: () => Promise<void>): void {
  beforeEnd = act
}

/** A reader that closed its end of our pipe wants no more of us; the shell's own code for that is 141. */
export function endOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: Error & { code?: string }) => {
      if (error.code !== 'EPIPE') throw error
      const end = () => process.exit(141)
      beforeEnd().then(end, end)
    })
  }
}

/** A line for a terminal: what could steer it is left out, since a model or a command may have written the text. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
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
