import { afterAll, beforeAll, expect, test } from 'vitest'
import { explained } from '../../src/cli/errors/next-step.js'
import { createOgentClient, OgentError } from '../../src/client/index.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false, controller: { TRUSTED_PROXIES: ['127.0.0.1'] } })
}, 300_000)
afterAll(() => system[Symbol.asyncDispose](), 120_000)

test('an error of the SDK says when to retry, and the CLI prints that as the next step', async () => {
  const { username } = accounts.viewer
  const wrong = () => createOgentClient({ url: system.url, username, password: 'not this one' })
  let refusal: unknown
  for (let tries = 0; tries < 30 && !isLimited(refusal); tries++) {
    const ogent = wrong()
    refusal = await ogent.me().catch((error: unknown) => error)
    await ogent.close()
  }
  if (!isLimited(refusal)) throw new Error(`not refused for its tries: ${String(refusal)}`)
  const wait = refusal.retry_after_seconds
  expect(refusal.message).toBe(`Too many failed logins: try again in ${wait} s.`)
  expect(wait).toBeGreaterThan(200)
  expect(explained(refusal).nextStep).toBe(`Wait ${wait} s, then try again.`)
}, 300_000)

function isLimited(error: unknown): error is OgentError {
  return error instanceof OgentError && error.code === 'RATE_LIMITED'
}
