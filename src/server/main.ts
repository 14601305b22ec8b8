export {
  accountFault,
  accountsPlace,
  isAdminName,
  isSetBySettings,
  keepAccount,
  listAccounts,
  removeAccount,
} from './accounts.js'
export { controllerSettings } from './config.js'

import { messageOf, systemCode } from '../shared/errors.js'
import { SettingsError } from '../shared/settings.js'
import { type Controller, createController } from './compose.js'
import { type ControllerSettings, controllerSettings } from './config.js'
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
  const controller = await started(controllerSettings(env), log)
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

/** What the system says of a port names no setting: that is added here. */
async function started(settings: ControllerSettings, log: Log | undefined): Promise<Controller> {
  try {
    return await createController({ settings, ...(log ? { log } : {}) })
  } catch (error) {
    throw listenTrouble(settings, error) ?? error
  }
}

function listenTrouble({ HOST, PORT }: ControllerSettings, error: unknown): Error | undefined {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      // No wrong setting in itself: it may be free at the next try.
      return new Error(
        `Something else listens on port ${PORT} of ${HOST}: stop it, or set PORT (0 takes a free one) or HOST to another.`,
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new SettingsError(
        `HOST: got ${JSON.stringify(HOST)}, takes an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all`,
      )
    case 'EACCES':
      if (!(error instanceof Error && 'syscall' in error && error.syscall === 'listen')) return undefined
      return new SettingsError(`PORT: got ${PORT}, takes one that this user may listen on, such as 8001`)
    default:
      return undefined
  }
}
