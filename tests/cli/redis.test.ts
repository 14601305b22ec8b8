import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Controllers } from '../support/controllers.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { RedisProcess } from '../support/redis.js'
import { repository } from '../support/samples.js'
import { needs } from '../support/services.js'

describe.skipIf(needs('redis-server'))('ogent with a Redis', () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await RedisProcess.start()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  const ogent = (args: string[], cwd: string, env: Record<string, string> = {}) =>
    run(process.execPath, [`${repository}dist/cli/main.js`, ...args], { cwd, env })

  test('stores accounts in it, which running controllers accept at once', async () => {
    using folder = temporaryFolder()
    await using controllers = await Controllers.start(redis.url, { count: 1 })
    const env = { REDIS_URL: redis.url, OGENT_NEW_PASSWORD: 'nina-pass-1' }
    expect(await ogent(['users', 'add', 'nina', '--role', 'viewer'], folder.path, env)).toMatchObject({
      code: 0,
    })
    const listed = await ogent(['users', 'list'], folder.path, env)
    expect(listed.stdout).toMatch(/nina +viewer/)
    const login = () =>
      fetch(`${controllers.url(0)}/token`, {
        method: 'POST',
        body: new URLSearchParams({ username: 'nina', password: 'nina-pass-1' }),
      })
    expect((await login()).status).toBe(200)
    expect(await ogent(['users', 'remove', 'nina'], folder.path, env)).toMatchObject({ code: 0 })
    expect((await login()).status).toBe(401)
    const again = await ogent(['users', 'remove', 'nina'], folder.path, env)
    expect(again.stderr).toContain('There is no account nina in the Redis of REDIS_URL')
  })

  test('runs the demo with two controllers', { timeout: 240_000 }, async () => {
    using folder = temporaryFolder()
    const { code, stdout, stderr } = await ogent(['demo', '--redis', redis.url], folder.path)
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('Two controllers')
    expect(stdout).toContain('line 5')
  })
})
