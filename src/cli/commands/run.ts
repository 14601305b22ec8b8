import { UsageError } from '../errors/report.js'
import { onBrokenPipe } from '../output/output.js'
import { Watch } from '../output/watch.js'
import { cancelOnInterrupt } from '../session/cancel-on-interrupt.js'
import { chosenAgents } from '../session/chosen-agents.js'
import { connect } from '../session/connect.js'
import { commandInput, textInput } from '../session/input.js'
import { type RunFlags, toRequest } from '../session/request.js'
import { runOnSeveral } from './fleet.js'

/** `ogent run`: the command's stdout to stdout, its stderr to stderr, its exit code as this program's own. */
export async function runCommand(agents: string[], words: string[], flags: RunFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    const chosen = await chosenAgents(ogent, agents, flags)
    if ('several' in chosen && flags.id !== undefined)
      throw new UsageError('--id is for one command on one agent')
    const request = toRequest(words, flags)
    const options = { json: flags.json ?? false, quiet: flags.quiet ?? isTyped(flags) }
    if ('several' in chosen) {
      const stdin = await textInput(flags.stdin)
      const { concurrency } = flags
      return await runOnSeveral(ogent, chosen.several, { ...request, stdin }, { ...options, concurrency })
    }
    const run = ogent.execute({
      ...request,
      agent_id: chosen.one,
      stdin: await commandInput(flags.stdin),
    })
    const watch = new Watch(run, { ...options, what: chosen.one })
    // What it writes has no reader any more: as in a local pipe, that ends it.
    onBrokenPipe(() => watch.cancel())
    const release = cancelOnInterrupt(
      () => watch.cancel(),
      (sentence) => watch.screen.say(sentence),
    )
    try {
      return await watch.toEnd()
    } finally {
      release()
    }
  } finally {
    await ogent.close()
  }
}

/** Whether a person types what the command reads: a status line would be in the middle of it. */
function isTyped({ stdin }: RunFlags): boolean {
  return stdin === true && process.stdin.isTTY
}
