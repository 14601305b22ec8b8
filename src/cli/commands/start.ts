import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { agentSettings } from '../../agent/main.js'
import { dataFolder } from '../../host/data-folder.js'
import { onEndRequest } from '../../host/end-request.js'
import { givenSetting } from '../../host/settings.js'
import { controllerSettings, keepAccount, listAccounts } from '../../server/main.js'
import { withTimeout } from '../../shared/async/timeout.js'
import { onBrokenPipe } from '../output/output.js'
import { NO_PROXY_AT_ALL, RoleProcess } from '../session/launch.js'

const LOCAL_AGENT = 'local-agent'

/** `ogent start`: a controller and one agent on this machine, as processes of their own, until Ctrl-C. */
export async function runStart(env: NodeJS.ProcessEnv): Promise<number> {
  const password = randomBytes(24).toString('base64url')
  // What is wrong with either is reported before anything is started.
  controllerSettings(env)
  agentSettings(agentEnvironment(env, password))
  let hasten = () => {}
  const stopped = new Promise<'stopped'>((resolve) => {
    onEndRequest((times) => (times === 1 ? resolve('stopped') : times === 2 ? hasten() : process.exit(130)))
  })
  // What the controller says is held until its agent is there: who reads its address may use both at once.
  const out = new HeldLines()
  const controller = new RoleProcess('controller', env, (line) => out.say(line))
  let agent: RoleProcess | undefined
  const stop = async () => {
    await agent?.stop()
    await controller.stop()
  }
  hasten = () => {
    agent?.hasten()
    controller.hasten()
  }
  // What is printed here has no reader any more, be it a pipe or a terminal that was closed.
  onBrokenPipe(stop)
  try {
    const ready = await Promise.race([controller.waitFor(/^Ogent controller on (\S+)$/), stopped])
    if (ready === 'stopped') return 0
    // Only now: in a folder that another controller holds, its agent could log in no more.
    await warnOfOperators(env)
    await keepAccount(env, { username: LOCAL_AGENT, password, role: 'agent' })
    const settings = agentEnvironment(env, password)
    const link = { CONTROLLER_URL: ready[1], ...NO_PROXY_AT_ALL }
    agent = new RoleProcess('agent', { ...settings, ...link }, (line) => {
      if (!AGENT_IS_HERE.test(line)) out.say(line)
    })
    const ended = Promise.race([stopped, controller.exited, agent.exited])
    const registered = Promise.race([agent.waitFor(AGENT_IS_HERE).catch(() => undefined), ended])
    const here = await withTimeout(registered, PATIENCE_MS, () => undefined)
    out.release()
    if (Array.isArray(here)) out.say(`One agent is here: ${settings.AGENT_ID}. Ctrl-C stops both.`)
    const first = await ended
    return first === 'stopped' ? 0 : (agent.exitCode ?? controller.exitCode) || 1
  } catch (error) {
    if (controller.running) throw error
    // It has said on stderr why it did not start.
    return controller.exitCode || 1
  } finally {
    out.release()
    await stop()
  }
}

/** On one machine as one user, who may run a command may read what makes an admin. */
async function warnOfOperators(env: NodeJS.ProcessEnv): Promise<void> {
  const operators = (await listAccounts(env)).filter(({ roles }) => roles.includes('operator'))
  if (operators.length === 0) return
  process.stderr.write(
    `ogent: warning: ${operators.length === 1 ? 'an account has' : `${operators.length} accounts have`} the role operator, and commands here run as the user of the controller: they can read its signing key, and so become admin. Run the two roles as users of their own, see docs/install-agent.md.\n`,
  )
}

const AGENT_IS_HERE = /^Ogent agent \S+ on /
/** The controller's words are not held for longer than this, in ms. */
const PATIENCE_MS = 10_000

/** Lines for stdout, which wait until they are released. */
class HeldLines {
  #held: string[] | undefined = []

  say(line: string): void {
    if (this.#held) this.#held.push(line)
    else process.stdout.write(`${line}\n`)
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const line of held) this.say(line)
  }
}

/** What is the controller's alone is not for a process that runs other people's commands. */
function agentEnvironment(env: NodeJS.ProcessEnv, password: string) {
  const {
    SECRET_KEY: _key,
    ADMIN_PASSWORD: _password,
    OPENAI_API_KEY: _ai,
    REDIS_URL: _redis,
    METRICS_TOKEN: _metrics,
    CONTROLLER_URL: _url,
    ...rest
  } = env
  return {
    ...rest,
    AGENT_USERNAME: LOCAL_AGENT,
    AGENT_PASSWORD: password,
    // It may be in .env, for an agent without a controller beside it.
    AGENT_PASSWORD_FILE: '',
    AGENT_JOIN_TOKEN: '',
    AGENT_JOIN_TOKEN_FILE: '',
    AGENT_ID: givenSetting(env, 'AGENT_ID') ?? 'local',
    AGENT_STATE_DIR:
      givenSetting(env, 'AGENT_STATE_DIR') ?? join(dataFolder(givenSetting(env, 'DATA_DIR')), 'agent'),
  }
}
