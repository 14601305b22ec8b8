import { Watch } from '../output/watch.js'
import { withCommandId } from '../session/command-id.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

export type FollowFlags = ConnectionFlags & { from: number; json?: boolean; quiet?: boolean }

/** `ogent follow`: any command from its first event to its end, as `ogent run` shows it. Ctrl-C only stops watching. */
export async function followCommand(typed: string, flags: FollowFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    const { from, json = false, quiet = false } = flags
    return await withCommandId(ogent, typed, (command_id) => {
      const run = ogent.commands.attach(command_id, { from_seq: from })
      return new Watch(run, { json, quiet, what: command_id, interrupt: 'leaves' }).toEnd()
    })
  } finally {
    await ogent.close()
  }
}
