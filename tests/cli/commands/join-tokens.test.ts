import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOgent } from '../../support/ogent.js'
import { until } from '../../support/processes.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
}, 120_000)
afterAll(() => system[Symbol.asyncDispose](), 120_000)

const ogent = (...args: string[]) => startOgent(system, args, { as: 'admin' }).ended

test('join-tokens create says the line that installs an agent and joins, list shows the token, and revoke ends it', async () => {
  const made = await ogent(
    'join-tokens',
    'create',
    '--labels',
    'env=prod',
    '--uses',
    '10',
    '--ttl',
    '2h',
    '--agent-id',
    'web-*',
  )
  expect(made).toMatchObject({ code: 0, stderr: '' })
  const [, token_id = ''] = /^Join token (\w+), for 10 machines until /.exec(made.stdout) ?? []
  expect(made.stdout).toMatch(
    new RegExp(`curl -fsS ${system.url}/install.sh \\| sudo sh -s -- --join ogj_${token_id}_`),
  )
  const listed = await ogent('join-tokens', 'list')
  expect(listed.stdout).toMatch(new RegExp(`${token_id} +0/10 +.* web-\\* +admin +env=prod`))
  expect(await ogent('join-tokens', 'revoke', token_id)).toMatchObject({ code: 0 })
  expect((await ogent('join-tokens', 'list', '--json')).stdout).toBe('')
  expect(await ogent('join-tokens', 'revoke', token_id)).toMatchObject({ code: 1 })
})

test.each([
  ['--ttl', '31d'],
  ['--ttl', 'soon'],
  ['--uses', '0'],
  ['--labels', 'env'],
])('join-tokens create refuses %s %s as a wrong call', async (option, value) => {
  expect(await ogent('join-tokens', 'create', option, value)).toMatchObject({ code: 64, stdout: '' })
})

test('agents label and agents revoke change an agent that joined by a token from the standard input', async () => {
  const { stdout } = await ogent('join-tokens', 'create', '--json')
  const { token } = JSON.parse(stdout) as { token: string }
  const agent = startOgent(system, ['agent', '--join', '-', '--agent-id', 'by-hand'], {
    as: 'nobody',
    stdin: `${token}\n`,
    env: { CONTROLLER_URL: system.url, AGENT_STATE_DIR: join(system.folder, 'by-hand') },
  })
  await until('it is registered', () => agent.said.stdout.includes('Ogent agent by-hand on '))
  expect(await ogent('agents', 'label', 'by-hand', 'env=prod', 'role=web')).toMatchObject({
    code: 0,
    stdout: 'Assigned to by-hand: env=prod,role=web.\n',
  })
  expect(await ogent('agents', 'label', 'by-hand', 'role-')).toMatchObject({
    stdout: 'Assigned to by-hand: env=prod.\n',
  })
  expect((await ogent('agents', '-o', 'wide')).stdout).toMatch(/by-hand .* env=prod /)
  expect(await ogent('agents', 'label', 'by-hand', '=x')).toMatchObject({ code: 64 })
  expect(await ogent('agents', 'revoke', 'by-hand')).toMatchObject({ code: 0 })
  const { code, stderr } = await agent.ended
  expect([code, stderr]).toEqual([77, expect.stringContaining('Agent by-hand was revoked')])
})
