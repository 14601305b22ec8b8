import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createOgentClient } from '../../src/client/client.js'
import { temporaryFolder } from '../support/folder.js'
import { Role } from '../support/roles.js'

/** What must be in no line, wherever it came from. */
const secrets = {
  adminPassword: 'admin-password-7f3a',
  wrongPassword: 'wrong-password-91bc',
  signingKey: 'signing-key-55d0-55d0-55d0-55d0-55d0',
  metricsToken: 'metrics-token-2c4e-of-32-characters',
  output: 'output-of-a-command-8d21',
  errors: 'errors-of-a-command-e07b',
  stdin: 'input-of-a-command-3b9f',
  variable: 'value-of-a-variable-6a6a',
}

type Line = { msg?: unknown; command_id?: unknown; agent_id?: unknown }

test('the debug log of a whole run names each event with its command, and no secret', async () => {
  using folder = temporaryFolder()
  await using controller = Role.controller({
    PORT: '0',
    DATA_DIR: join(folder.path, 'controller'),
    ADMIN_PASSWORD: secrets.adminPassword,
    SECRET_KEY: secrets.signingKey,
    METRICS_TOKEN: secrets.metricsToken,
    LOG_LEVEL: 'debug',
  })
  const [, url = ''] = await controller.says(/^Ogent controller on (\S+)/)
  await using agent = Role.agent({
    CONTROLLER_URL: url,
    AGENT_USERNAME: 'admin',
    AGENT_PASSWORD: secrets.adminPassword,
    AGENT_ID: 'logged',
    AGENT_STATE_DIR: join(folder.path, 'agent'),
    LOG_LEVEL: 'debug',
  })
  await controller.says(/agent connected/)

  const login = (password: string) =>
    fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams({ username: 'admin', password }) })
  expect((await login(secrets.wrongPassword)).status).toBe(401)
  const { access_token } = (await (await login(secrets.adminPassword)).json()) as { access_token: string }
  const ogent = createOgentClient({ url, username: 'admin', password: secrets.adminPassword })
  const outcome = await ogent.execute({
    agent_id: 'logged',
    command_id: 'told',
    command: `echo ${secrets.output}; echo ${secrets.errors} >&2; cat; echo $WORD; exit 7`,
    stdin: secrets.stdin,
    env: { WORD: secrets.variable },
  })
  expect(outcome.stdout).toContain(secrets.variable)
  const impossible = { agent_id: 'logged', command: `echo ${secrets.output}`, cwd: '/no/such/place' }
  expect(await ogent.execute({ ...impossible, command_id: 'impossible' })).toMatchObject({ status: 'error' })
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' }
  const body = `{"command": "echo ${secrets.output}", "timeout_seconds": "${secrets.variable}"`
  for (const text of [body, `${body}}`]) {
    await fetch(`${url}/agents/logged/execute`, { method: 'POST', headers, body: text })
  }
  await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${secrets.metricsToken}` } })
  await fetch(`${url}/agents`, { headers: { authorization: `Bearer x${access_token}` } })
  await fetch(`${url}/commands/told/output`, { headers })
  await ogent.close()
  await agent.stop()
  await controller.says(/the agent of a command is away|agent disconnected/)
  await controller.stop()

  const said = `${controller.log}\n${agent.log}`
  for (const [what, secret] of Object.entries({ ...secrets, access_token })) {
    expect(said.includes(secret), `${what} is in the log`).toBe(false)
  }
  expect(said).not.toMatch(/eyJ[\w-]{10}/)

  const ofController = linesOf(controller.log)
  const ofAgent = linesOf(agent.log)
  for (const [lines, messages] of [
    [ofController, ['order sent', 'command ended']],
    [ofAgent, ['order taken', 'command ended', 'command ended without a process']],
  ] as const) {
    for (const message of messages) {
      const [line] = lines.filter(({ msg }) => msg === message)
      expect(line, message).toMatchObject({ agent_id: 'logged', command_id: expect.any(String) })
    }
  }
  expect(ofAgent.filter(({ agent_id }) => agent_id !== 'logged')).toEqual([])
  const oneId = ofController.filter((line) => 'command_id' in line && !('agent_id' in line))
  expect(oneId).toEqual([])
})

/** The log is JSON; what a start says to whoever started it is not. */
function linesOf(log: string): Line[] {
  const lines = log.split('\n').filter((line) => line !== '' && !/^Ogent (controller|agent) /.test(line))
  return lines.map((line) => JSON.parse(line) as Line)
}
