export { agentSettings } from './config.js'

import { onEndRequest } from '../host/end-request.js'
import { shownAddress } from '../host/settings.js'
import { messageOf, OgentError } from '../shared/errors.js'
import { createAgent } from './app.js'
import { agentSettings } from './config.js'

const LINGER_MS = 500
/** The exit code of an agent that may not connect: its unit does not start it again. */
const REFUSED = 77

/**
 * `ogent agent`: runs until it is asked to end (SIGTERM, SIGINT, SIGHUP, the death of `ogent start`); a second SIGTERM or SIGINT
 * ends it, and what it runs, by force. Gives the exit code.
 */
export async function runAgent(env: NodeJS.ProcessEnv): Promise<number> {
  let endRequests = 0
  let end = () => {}
  onEndRequest((times) => {
    endRequests = times
    end()
  })
  const settings = agentSettings(env)
  let hold = () => {}
  // For what renews this program (`ogent agent upgrade`), again and again while it waits for an idle moment.
  process.on('SIGUSR2', () => hold())
  const agent = await createAgent({ settings })
  hold = () => agent.hold()
  void agent.registered.then(() => {
    process.stdout.write(`Ogent agent ${agent.agent_id} on ${shownAddress(settings.CONTROLLER_URL)}\n`)
  })
  end = () => {
    if (endRequests === 1) return void agent.stop()
    if (endRequests > 2) process.exit(130)
    // What runs would go on without an agent, until the next one finds it.
    void agent.kill().finally(() => process.exit(130))
  }
  // It may have been asked while it started.
  if (endRequests > 0) end()
  try {
    await agent.done
    // A child that outlived the drain must not hold its agent.
    setTimeout(() => process.exit(0), LINGER_MS).unref()
    return 0
  } catch (error) {
    process.stderr.write(`ogent agent: ${messageOf(error)}\n`)
    // A controller that was not reached may be there at the next start; what it has refused for good stays refused.
    return error instanceof OgentError && !error.retryable ? REFUSED : 1
  }
}
