import type { RawCommandEvent } from '../../shared/commands/event.js'
import { recordingLines, recordingType } from '../../shared/commands/recording.js'
import type { Entry } from '../journal/port.js'
import { sendLive } from '../transport/http/request.js'
import { route } from '../transport/http/route.js'
import { commandParams } from './events.routes.js'
import type { Commands } from './service.js'

const CAST = '{"version":2,"width":80,"height":24}\n[0.25,"o","hello\\r\\n"]\n'

/** What a command wrote, with the time of each piece, up to this moment. */
export function recordingRoute({ commands }: { commands: Commands }) {
  return route({
    method: 'GET',
    path: '/commands/{command_id}/recording.cast',
    id: 'getRecording',
    tag: 'commands',
    summary: 'Play a command again',
    description:
      'What it wrote until now, both streams, with the time of each piece: asciicast v2, for terminal players. ' +
      'A command that still runs is not waited for.',
    live: true,
    params: commandParams,
    replies: {
      200: {
        description: 'A line of JSON for the header, then one for each piece.',
        content: { 'application/x-asciicast': { plain: 'string', example: CAST } },
      },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
    handle: async ({ params: { command_id }, request, reply, caller, signal }) => {
      const { record, last_seq } = await commands.position(caller(), command_id)
      const entries = commands.follow(caller(), command_id, 1, { signal: signal() })
      const lines = recordingLines(record, eventsUntil(entries, last_seq))
      return sendLive(request, reply.type(recordingType), lines)
    },
  })
}

/** What is recorded so far: a command that still runs is not waited for. */
async function* eventsUntil(
  entries: AsyncIterable<Entry>,
  last_seq: number,
): AsyncGenerator<RawCommandEvent, void> {
  for await (const { seq, event } of entries) {
    yield event
    if (seq >= last_seq) return
  }
}
