import { exec } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { configOf, startOgent } from '../../support/ogent.js'
import { repository } from '../../support/samples.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const REMARK =
  /^ogent: nothing came on the standard input within 1 s, so the command runs without it; --stdin waits for it\n$/

test('ogent run answers a program that leaves the pipe open', async () => {
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

test('ogent run takes an end within a second as the end of its input', async () => {
  const { child, ended } = startOgent(system, ['run', 'agent-1', '--', 'wc -c'], { stdin: 'open' })
  child.stdin?.end()
  expect(await ended).toMatchObject({ code: 0, stdout: '0\n', stderr: '' })
})
