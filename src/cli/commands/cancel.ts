import { type ErrorCode, OgentError } from '../../shared/errors.js'
import { report, UsageError } from '../errors/report.js'
import { writeJson } from '../output/output.js'
import { withCommandId } from '../session/command-id.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

/** Faults that are none of one command: the next would only be told the same. */
const ofAll: ErrorCode[] = ['CONNECTION_LOST', 'UNAUTHORIZED', 'FORBIDDEN', 'UNAVAILABLE']

/** `ogent cancel`: asks commands to end, each of them; the highest exit code counts. `ogent follow` tells when they have. */
export async function cancelCommand(
  command_ids: string[],
  flags: ConnectionFlags & { json?: boolean },
): Promise<number> {
  const ogent = await connect(flags)
  let worst = 0
  try {
    for (const typed of new Set(command_ids)) {
      let command_id: string
      try {
        command_id = await withCommandId(ogent, typed, (id) => ogent.commands.cancel(id).then(() => id))
      } catch (error) {
        if (!isOfOne(error)) throw error
        worst = Math.max(worst, report(error))
        continue
      }
      if (flags.json) await writeJson({ command_id, status: 'cancel_requested' })
      else process.stdout.write(`${command_id} is asked to end.\n`)
    }
    return worst
  } finally {
    await ogent.close()
  }
}

function isOfOne(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof OgentError && !ofAll.includes(error.code))
}
