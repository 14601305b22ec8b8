import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackgroundProgram } from '../support/background.js'
import { type Consumer, packedConsumer } from '../support/consumer.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'

/** Where npm keeps what it has fetched before; `npm test` hands it down. */
const { npm_config_cache = '' } = process.env

let consumer: Consumer
let project: ReturnType<typeof temporaryFolder>
beforeAll(async () => {
  consumer = packedConsumer()
  project = temporaryFolder('ogent-install-')
  writeFileSync(join(project.path, 'package.json'), '{"name":"empty","private":true,"type":"module"}')
  // A real installation, from the registry, of what a user gets; no script of any package runs.
  const args = ['install', consumer.tarball, '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund']
  const { code, stderr } = await run('npm', [...args, '--prefer-offline'], {
    cwd: project.path,
    ...(npm_config_cache === '' ? {} : { env: { npm_config_cache } }),
    timeoutMs: 280_000,
  })
  expect(code, stderr).toBe(0)
}, 300_000)
afterAll(() => {
  consumer?.[Symbol.dispose]()
  project?.[Symbol.dispose]()
})

describe('in an empty project, installed with --ignore-scripts', () => {
  test('npx ogent prints its version', async () => {
    const said = await run('npx', ['--no-install', 'ogent', '--version'], { cwd: project.path })
    expect(said).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ogent\/\d/) })
  })

  test('a controller and an agent run with the native parts of store and link', async () => {
    const env = { PORT: '0', ADMIN_PASSWORD: 'choose-a-password', HOME: project.path }
    await using started = new BackgroundProgram('npx', ['--no-install', 'ogent', 'start'], {
      cwd: project.path,
      env,
    })
    const url = await started.line(/^Ogent controller on (\S+)$/)
    const who = {
      OGENT_URL: url,
      OGENT_USERNAME: 'admin',
      OGENT_PASSWORD: 'choose-a-password',
      HOME: project.path,
    }
    const said = await run('npx', ['--no-install', 'ogent', 'run', 'local', '--', 'echo installed; exit 5'], {
      cwd: project.path,
      env: who,
    })
    expect({ code: said.code, stdout: said.stdout }).toEqual({ code: 5, stdout: 'installed\n' })
  })
})
