import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { RawCommandEvent } from '../../shared/commands/event.js'
import { recordingLines, recordingType } from '../../shared/commands/recording.js'
import type { Entry } from '../journal/port.js'
import { goneSignal, parse, sendLive } from '../transport/http/request.js'
import type { Commands } from './service.js'

const commandParams = z.object({ command_id: z.string().max(128) })

/** `/commands/{id}/recording.cast`: what a command wrote, with the time of each piece, up to this moment. */
export function registerRecordingRoute(app: FastifyInstance, { commands }: { commands: Commands }): void {
  app.get(
    '/commands/:command_id/recording.cast',
    { config: { access: 'viewer', live: true } },
    async (request, reply) => {
      const { command_id } = parse(commandParams, request.params, 'path')
      const { record, last_seq } = await commands.standing(command_id)
      const entries = commands.follow(command_id, 1, { signal: goneSignal(reply) })
      const lines = recordingLines(record, eventsUntil(entries, last_seq))
      return sendLive(request, reply.type(recordingType), lines)
    },
  )
}

/** What is there by now: a command that still runs is not waited for. */
async function* eventsUntil(
  entries: AsyncIterable<Entry>,
  last_seq: number,
): AsyncGenerator<RawCommandEvent, void> {
  for await (const { seq, event } of entries) {
    yield event
    if (seq >= last_seq) return
  }
}
