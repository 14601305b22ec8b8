import type { RawCommandEvent } from './event.js'
import { isOutput } from './event-text.js'
import type { CommandRecord } from './record.js'

/**
 * A command's journal as a recording for terminal players: asciicast v2,
 * https://docs.asciinema.org/manual/asciicast/v2/. A command has no terminal, so the size is the usual one.
 */
export const recordingType = 'application/x-asciicast'
const COLUMNS = 80
const ROWS = 24

/** Line by line, as the events come; nothing is kept but what a stream left of a cut character. */
export async function* recordingLines(
  record: CommandRecord,
  events: AsyncIterable<RawCommandEvent>,
): AsyncGenerator<string, void> {
  const begin = Date.parse(record.started_at ?? record.created_at)
  yield headerLine(record, begin)
  // Each stream is a text of its own, whose characters may be cut anywhere by a program that writes odd bytes.
  const decoders = {
    stdout: new TextDecoder('utf-8', { ignoreBOM: true }),
    stderr: new TextDecoder('utf-8', { ignoreBOM: true }),
  }
  let seconds = 0
  for await (const event of events) {
    // Clocks are set back at times; a recording only goes on.
    seconds = Math.max(seconds, (Date.parse(event.timestamp) - begin) / 1000)
    if (isOutput(event))
      yield* outputLine(seconds, decoders[event.stream].decode(event.data, { stream: true }))
  }
  for (const decoder of Object.values(decoders)) yield* outputLine(seconds, decoder.decode())
}

function headerLine({ command }: CommandRecord, begin: number): string {
  const header = {
    version: 2,
    width: COLUMNS,
    height: ROWS,
    timestamp: Math.floor(begin / 1000),
    command,
    title: command,
    env: { SHELL: '/bin/sh', TERM: 'xterm-256color' },
  }
  return `${JSON.stringify(header)}\n`
}

/** What a program writes as a line's end, a terminal gets as the two characters that it takes. */
function* outputLine(seconds: number, text: string): Generator<string, void> {
  if (text === '') return
  yield `${JSON.stringify([Number(seconds.toFixed(6)), 'o', text.replaceAll('\n', '\r\n')])}\n`
}
