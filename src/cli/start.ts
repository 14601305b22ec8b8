import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { keepAccount } from '../server/main.js'
import { givenSetting } from '../shared/settings.js'
import { RoleProcess } from './launch.js'

const LOCAL_AGENT = 'local-agent'

/** `ogent start`: a controller and one agent on this machine, as processes of their own, until Ctrl-C. */
export async function runStart(env: NodeJS.ProcessEnv): Promise<number> {
  const dataDir = givenSetting(env, 'DATA_DIR') ?? '.ogent'
  const agentId = givenSetting(env, 'AGENT_ID') ?? 'local'
  const password = randomBytes(24).toString('base64url')
  await keepAccount(env, { username: LOCAL_AGENT, password, role: 'agent' })
  const stopped = new Promise<'stopped'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('stopped'))
  })
  const controller = new RoleProcess('controller', env)
  let agent: RoleProcess | undefined
  try {
    const ready = await Promise.race([controller.waitFor(/^Ogent controller on (\S+)$/), stopped])
    if (ready === 'stopped') return 0
    const url = ready[1] ?? ''
    // What is the controller's alone is not for a process that runs other people's commands.
    const {
      SECRET_KEY: _key,
      ADMIN_PASSWORD: _password,
      OPENAI_API_KEY: _ai,
      REDIS_URL: _redis,
      ...rest
    } = env
    agent = new RoleProcess('agent', {
      ...rest,
      CONTROLLER_URL: url,
      AGENT_USERNAME: LOCAL_AGENT,
      AGENT_PASSWORD: password,
      AGENT_ID: agentId,
      AGENT_STATE_DIR: givenSetting(env, 'AGENT_STATE_DIR') ?? join(dataDir, 'agent'),
    })
    for (const line of controller.printed) process.stdout.write(`${line}\n`)
    process.stdout.write(`One agent is here: ${agentId}. Ctrl-C stops both.\n`)
    const first = await Promise.race([stopped, controller.exited, agent.exited])
    return first === 'stopped' ? 0 : 1
  } catch {
    // The controller has said on stderr why it did not start.
    return 1
  } finally {
    await agent?.stop()
    await controller.stop()
  }
}
