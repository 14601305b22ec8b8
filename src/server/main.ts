export { controllerSettings } from './config.js'
export {
  accountFault,
  accountsPlace,
  changeAccount,
  changePassword,
  isAdminName,
  isSetBySettings,
  keepAccount,
  listAccounts,
  removeAccount,
} from './kept-accounts.js'

import { onEndRequest } from '../host/end-request.js'
import { openLog } from '../host/log.js'
import { SettingsError } from '../host/settings.js'
import { messageOf, systemCode } from '../shared/errors.js'
import { type Controller, createController } from './app.js'
import { type ControllerSettings, controllerSettings } from './config.js'
import type { Log } from './telemetry/ports.js'

const LINGER_MS = 500

/**
 * `ogent controller`: runs until it is asked to end (SIGTERM, SIGINT, SIGHUP, the death of `ogent start`); a second SIGTERM or
 * SIGINT ends it at once. Gives the exit code.
 */
export async function runController(env: NodeJS.ProcessEnv, given?: Log): Promise<number> {
  const endRequest = new Promise<void>((resolve) => {
    onEndRequest((times) => (times === 1 ? resolve() : process.exit(130)))
  })
  const settings = controllerSettings(env)
  const log = given ?? openLog({ role: 'controller', level: settings.LOG_LEVEL, format: settings.LOG_FORMAT })
  // A stray rejection (lmdb has one of its own when a commit fails) must not end the commands of all users.
  process.on('unhandledRejection', (error) => log.error({ err: messageOf(error) }, 'unhandled rejection'))
  process.on('uncaughtException', (error) => void onUncaught(error, log))
  const controller = await started(settings, log)
  // The address last: a program that waits for it then has what is shown only once.
  process.stdout.write(`Ogent controller on ${controller.url}\n`)
  await endRequest
  await controller.close()
  // What others left under way, such as one more try to send traces, must not hold up the end.
  setTimeout(() => process.exit(0), LINGER_MS).unref()
  return 0
}

/** What the system says when it has no more of something for a moment. */
const PASSING = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ECONNRESET', 'EPIPE']

/**
 * Goes on after an error that says nothing of the controller's own state: the system ran out of something for a moment,
 * a connection broke, or Redis said what cannot be read. After any other nothing is certain, so that it ends.
 */
async function onUncaught(error: unknown, log: Log): Promise<void> {
  const goesOn = PASSING.includes(String(systemCode(error))) || (await isOfRedis(error))
  const err = error instanceof Error ? (error.stack ?? error.message) : String(error)
  log.error({ err }, goesOn ? 'an error was caught at the last moment' : 'the controller cannot go on')
  if (!goesOn) process.exit(1)
}

async function isOfRedis(error: unknown): Promise<boolean> {
  if (!(error instanceof Error) || !/redis/.test(error.stack ?? '')) return false
  const { recoverFromReply } = await import('./storage/redis/server.redis.js')
  return recoverFromReply(error)
}

/** What the system says of a port names no setting: that is added here. */
async function started(settings: ControllerSettings, log: Log): Promise<Controller> {
  try {
    return await createController({ settings, log, onGenerated: tellPassword })
  } catch (error) {
    throw listenTrouble(settings, error) ?? error
  }
}

function tellPassword({ username, password }: { username: string; password: string }): void {
  process.stdout.write(`Password of ${username}, told only this once: ${password}\n`)
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
