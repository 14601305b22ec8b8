import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from './folder.js'
import { run } from './program.js'
import { repository } from './samples.js'
import { needs, programPath } from './services.js'

const suite = `
import { needs } from '${repository}tests/support/services.ts'
test('runs', () => {})
describe.skipIf(needs('sh'))('a service that is here', () => test('is used', () => {}))
describe.skipIf(needs('no-such-daemon'))('a service that is missing', () => test('is used', () => {}))
`

/** Runs a suite of its own, in a vitest of its own, with our reporter. */
async function runSuite(text: string, env: Record<string, string> = {}, ...more: string[]) {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'some.test.ts'), text)
  const reporter = `--reporter=${repository}tests/support/skip-reporter.ts`
  const args = ['run', '--root', folder.path, '--globals', '--reporter=default', reporter, ...more]
  return await run(`${repository}node_modules/.bin/vitest`, args, {
    cwd: folder.path,
    env: { NO_COLOR: '1', ...env },
  })
}

test('programPath finds a program in the PATH and where daemons are installed', () => {
  expect(programPath('sh')).toMatch(/\/sh$/)
  expect(programPath('no-such-daemon')).toBeUndefined()
  expect(needs('sh')).toBe(false)
})

test('a run skips tests whose program is missing, and lists them at the end', async () => {
  const { code, stdout } = await runSuite(suite)
  expect(code).toBe(0)
  expect(stdout).toMatch(/Skipped, 1 in all:\n {2}some\.test\.ts > a service that is missing > is used\n/)
})

test('a run fails and names the missing program when services are required', async () => {
  const { code, stdout, stderr } = await runSuite(suite, { OGENT_REQUIRE_SERVICES: '1' })
  expect(code).toBe(1)
  expect(stdout + stderr).toContain('no-such-daemon is not installed')
})

test('a run fails too when a test is skipped in another way and services are required', async () => {
  const skipped = "test('runs', () => {})\ntest.skip('does not', () => {})\n"
  const { code, stderr } = await runSuite(skipped, { OGENT_REQUIRE_SERVICES: '1' })
  expect(code).toBe(1)
  expect(stderr).toContain('some.test.ts > does not')
  expect((await runSuite(skipped)).code).toBe(0)
})

test('a run of chosen tests does not list the others', async () => {
  const { code, stdout } = await runSuite(suite, {}, '-t', 'runs')
  expect(code).toBe(0)
  expect(stdout).not.toContain('Skipped')
})
