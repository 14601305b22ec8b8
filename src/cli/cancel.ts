import { type ConnectionFlags, connect } from './connect.js'
import { writeJson } from './output.js'

/** `ogent cancel`: asks commands to end. `ogent follow` tells when they have. */
export async function cancelCommand(
  command_ids: string[],
  flags: ConnectionFlags & { json?: boolean },
): Promise<number> {
  const ogent = await connect(flags)
  try {
    for (const command_id of command_ids) {
      await ogent.commands.cancel(command_id)
      if (flags.json) await writeJson({ command_id, status: 'cancel_requested' })
      else process.stdout.write(`${command_id} is asked to end.\n`)
    }
    return 0
  } finally {
    await ogent.close()
  }
}
