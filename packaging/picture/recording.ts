import { z } from 'zod'

/** What a terminal was sent, and when, in seconds from the first of it. */
export type Recording = { columns: number; rows: number; output: { seconds: number; text: string }[] }

const headerSchema = z.object({
  version: z.literal(2),
  width: z.int().positive(),
  height: z.int().positive(),
})
const eventSchema = z.tuple([z.number().nonnegative(), z.literal('o'), z.string()])

/** As asciicast v2, https://docs.asciinema.org/manual/asciicast/v2/, which `ogent show --cast` prints as well. */
export function castOf({ columns, rows, output }: Recording): string {
  const header = {
    version: 2,
    width: columns,
    height: rows,
    env: { SHELL: '/bin/bash', TERM: 'xterm-256color' },
  }
  const events = output.map(({ seconds, text }) => [Number(seconds.toFixed(3)), 'o', text])
  return [header, ...events].map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** Throws where the text is no such recording. */
export function parseCast(text: string): Recording {
  const [first, ...rest] = text.trimEnd().split('\n')
  const { width, height } = headerSchema.parse(JSON.parse(first ?? ''))
  const events = rest.map((line) => eventSchema.parse(JSON.parse(line)))
  return {
    columns: width,
    rows: height,
    output: events.map(([seconds, , said]) => ({ seconds, text: said })),
  }
}
