import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOgentClient, type OgentClient } from '../../client/client.js'
import { onEndRequest } from '../../host/end-request.js'
import { tokenReplySchema } from '../../shared/access/identity.js'
import { OgentError } from '../../shared/errors.js'
import { exitCodes } from '../output/exit-codes.js'
import { onBrokenPipe } from '../output/output.js'
import { table } from '../output/table.js'
import { bareEnvironment, NO_PROXY_AT_ALL, RoleProcess } from '../session/launch.js'

const AGENT_ID = 'demo-agent'
const BYTES = 5_000_000

/**
 * `ogent demo`: everything from nothing, with throw-away data, and all of it stopped at the end. With a Redis there
 * are two controllers: the agent is at one, and all that is shown is asked of the other.
 */
export async function runDemo(redisUrl?: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'ogent-demo-'))
  const password = randomBytes(18).toString('base64url')
  // Its reader is a person, at a terminal or in the log of a build.
  const common = { ...bareEnvironment(), ...NO_PROXY_AT_ALL, LOG_LEVEL: 'warn', LOG_FORMAT: 'text' }
  // The SDK in this process heeds proxies too.
  Object.assign(process.env, NO_PROXY_AT_ALL)
  const who = redisUrl ? 'Two controllers that share a Redis' : 'A controller'
  say(`${who} and an agent start, each a process of its own, on a free port with throw-away data.`)
  const settings = {
    ...common,
    PORT: '0',
    DATA_DIR: join(folder, 'controller'),
    ADMIN_PASSWORD: password,
    ...(redisUrl === undefined ? {} : sharedSettings(redisUrl)),
  }
  const controller = new RoleProcess('controller', settings)
  const second = redisUrl ? new RoleProcess('controller', settings) : undefined
  let agent: RoleProcess | undefined
  let ogent: OgentClient | undefined
  let over = false
  const cleanUp = async () => {
    over = true
    await ogent?.close()
    await agent?.stop()
    await second?.stop()
    await controller.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  onBrokenPipe(cleanUp)
  const show = async () => {
    const [, url = ''] = await controller.waitFor(/^Ogent controller on (\S+)$/)
    const [, agentUrl = url] = (await second?.waitFor(/^Ogent controller on (\S+)$/)) ?? []
    if (over) return exitCodes.cancelled
    agent = new RoleProcess('agent', {
      ...common,
      CONTROLLER_URL: agentUrl,
      AGENT_USERNAME: 'admin',
      AGENT_PASSWORD: password,
      AGENT_ID,
      AGENT_STATE_DIR: join(folder, 'agent'),
    })
    ogent = createOgentClient({ url, username: 'admin', password })
    await connected(ogent)
    await showAgents(ogent)
    await showStreaming(ogent)
    await showFailure(ogent)
    await showBulk(ogent)
    await showRest(url, password)
    say('Done: stopping the agent and the controller.')
    return 0
  }
  const interrupted = new Promise<number>((resolve) => onEndRequest(() => resolve(exitCodes.cancelled)))
  try {
    return await Promise.race([show(), interrupted])
  } finally {
    await cleanUp()
  }
}

function sharedSettings(REDIS_URL: string) {
  return { REDIS_URL, SECRET_KEY: randomBytes(32).toString('base64url'), RETENTION_HOURS: '0.05' }
}

function say(sentence: string): void {
  process.stdout.write(`\n== ${sentence}\n`)
}

async function connected(ogent: OgentClient): Promise<void> {
  for await (const event of ogent.agents.watch()) {
    const agents = event.type === 'snapshot' ? event.agents : [event.agent]
    if (agents.some(({ agent_id, status }) => agent_id === AGENT_ID && status === 'connected')) return
  }
}

async function showAgents(ogent: OgentClient): Promise<void> {
  say('The agents:')
  const rows = (await ogent.agents.list()).map((agent) => [
    agent.agent_id,
    agent.status,
    agent.hostname,
    `${agent.agent_info.platform} ${agent.agent_info.version}`,
  ])
  process.stdout.write(table([['AGENT', 'STATUS', 'HOST', 'SYSTEM'], ...rows]))
}

async function showStreaming(ogent: OgentClient): Promise<void> {
  const command = 'for i in 1 2 3 4 5; do echo "line $i"; sleep 0.5; done'
  say(`A command that streams, with the time of each line's arrival: ${command}`)
  const began = performance.now()
  const run = ogent.execute({ agent_id: AGENT_ID, command })
  for await (const chunk of run.stdout) {
    process.stdout.write(`[${((performance.now() - began) / 1000).toFixed(2)} s] ${chunk}`)
  }
  const { status, exit_code, duration_ms } = await run
  process.stdout.write(`${status}, exit code ${exit_code}, ${Math.round(duration_ms)} ms\n`)
  check(status === 'success', 'the streaming command succeeds')
}

async function showFailure(ogent: OgentClient): Promise<void> {
  const command = 'echo "to stdout"; echo "to stderr" >&2; exit 7'
  say(`A command that writes to both streams and fails in its own way: ${command}`)
  const run = ogent.execute({ agent_id: AGENT_ID, command })
  for await (const { stream, data } of run.output) process.stdout.write(`${stream}: ${Buffer.from(data)}`)
  const outcome = await run
  process.stdout.write(`${outcome.status}, exit code ${outcome.exit_code}\n`)
  check(outcome.status === 'error' && outcome.exit_code === 7, 'the exit code is the command’s own')
}

async function showBulk(ogent: OgentClient): Promise<void> {
  const command = `head -c ${BYTES} /dev/urandom`
  say(`A command with ${BYTES} bytes of output, hashed on both sides: ${command}`)
  const hash = createHash('sha256')
  let bytes = 0
  const run = ogent.execute({ agent_id: AGENT_ID, command })
  for await (const { data } of run.output) {
    hash.update(data)
    bytes += data.length
  }
  const { stdout_sha256, stdout_bytes } = await run
  const received = hash.digest('hex')
  process.stdout.write(`written  ${stdout_bytes} bytes, sha256 ${stdout_sha256}\n`)
  process.stdout.write(`received ${bytes} bytes, sha256 ${received}\n`)
  check(bytes === BYTES && received === stdout_sha256, 'what was received is what was written')
}

async function showRest(url: string, password: string): Promise<void> {
  say(`The same by REST: POST /agents/${AGENT_ID}/execute`)
  const login = await fetch(`${url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ username: 'admin', password }),
  })
  const { access_token } = tokenReplySchema.parse(await login.json())
  const reply = await fetch(`${url}/agents/${AGENT_ID}/execute`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ command: "echo 'Hello, World!'", execution_target: 'auto' }),
  })
  process.stdout.write(`HTTP ${reply.status}\n${JSON.stringify(await reply.json(), null, 2)}\n`)
  check(reply.status === 200, 'REST answers 200')
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new OgentError('INTERNAL', `The demo went wrong: it does not hold that ${what}.`)
}
