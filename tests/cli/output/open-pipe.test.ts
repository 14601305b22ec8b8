import { exec } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { configOf, startOgent } from '../../support/ogent.js'
import { until } from '../../support/processes.js'
import { repository } from '../../support/samples.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const REMARK =
  /^ogent: nothing came on the standard input within 1 s, so the command runs without it; --stdin waits for it\n$/

test('a program that leaves the pipe open gets its answer', async () => {
  const { username, password } = accounts.operator
  const env = {
    PATH: process.env.PATH,
    XDG_CONFIG_HOME: configOf(system),
    OGENT_URL: system.url,
    OGENT_USERNAME: username,
    OGENT_PASSWORD: password,
  }
  const line = `"${process.execPath}" "${repository}dist/cli/main.js" run agent-1 -- 'cat; echo hi'`
  const { stdout, stderr } = await promisify(exec)(line, { env })
  expect(stdout).toBe('hi\n')
  expect(stderr).toMatch(REMARK)
})

test('what has begun to come within the second is waited for to its end', async () => {
  const { child, said, ended } = startOgent(system, ['run', 'agent-1', '--', 'cat'], { stdin: 'open' })
  child.stdin?.write('first ')
  await until('it waits for the rest', () => said.stderr.includes('waiting for the end'))
  child.stdin?.end('last\n')
  expect(await ended).toMatchObject({ code: 0, stdout: 'first last\n' })
})

test('an end within the second is the end of the input', async () => {
  const { child, ended } = startOgent(system, ['run', 'agent-1', '--', 'wc -c'], { stdin: 'open' })
  child.stdin?.end()
  expect(await ended).toMatchObject({ code: 0, stdout: '0\n', stderr: '' })
})
