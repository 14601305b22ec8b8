import { messageOf } from '../shared/errors.js'
import { createAgent } from './compose.js'
import { agentSettings } from './config.js'

const LINGER_MS = 500

/** `ogent agent`: runs until SIGTERM or SIGINT; a second signal ends it at once. Gives the exit code. */
export async function runAgent(env: NodeJS.ProcessEnv): Promise<number> {
  const agent = await createAgent({ settings: agentSettings(env) })
  const onSignal = () => {
    process.once('SIGTERM', () => process.exit(130))
    process.once('SIGINT', () => process.exit(130))
    void agent.stop()
  }
  process.once('SIGTERM', onSignal)
  process.once('SIGINT', onSignal)
  try {
    await agent.done
    // A child that outlived the drain must not hold its agent.
    setTimeout(() => process.exit(0), LINGER_MS).unref()
    return 0
  } catch (error) {
    process.stderr.write(`ogent agent: ${messageOf(error)}\n`)
    return 1
  }
}
