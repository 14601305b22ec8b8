export { accountsPlace, keepAccount, listAccounts, removeAccount } from './accounts.js'
export { controllerSettings } from './config.js'

import { messageOf } from '../shared/errors.js'
import { createController } from './compose.js'
import { controllerSettings } from './config.js'
import type { Log } from './core/ports.js'

const LINGER_MS = 500

/** `ogent controller`: runs until SIGTERM or SIGINT; a second signal ends it at once. Gives the exit code. */
export async function runController(env: NodeJS.ProcessEnv, log?: Log): Promise<number> {
  // A stray rejection (lmdb has one of its own when a commit fails) must not end everybody's commands.
  process.on('unhandledRejection', (error) => {
    process.stderr.write(
      `${JSON.stringify({ level: 50, time: Date.now(), err: messageOf(error), msg: 'unhandled rejection' })}\n`,
    )
  })
  const controller = await createController({ settings: controllerSettings(env), ...(log ? { log } : {}) })
  const { generated, url } = controller
  const password = generated
    ? `Password of ${generated.username}, told only this once: ${generated.password}\n`
    : ''
  // The address last and all at once: whoever waits for it has what is told only once.
  process.stdout.write(`${password}Ogent controller on ${url}\n`)
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  process.once('SIGTERM', () => process.exit(130))
  process.once('SIGINT', () => process.exit(130))
  await controller.close()
  // What others left under way, such as one more try to send traces, must not hold up the end.
  setTimeout(() => process.exit(0), LINGER_MS).unref()
  return 0
}
