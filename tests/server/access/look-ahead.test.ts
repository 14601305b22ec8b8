import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { LookAhead } from '../../../src/server/access/look-ahead.js'
import { memoryLimiter } from '../../../src/server/transport/limits/rate-limiter.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
}, 300_000)
afterAll(() => system[Symbol.asyncDispose]())

async function login(username: string, password: string): Promise<number> {
  const body = new URLSearchParams({ username, password })
  const reply = await fetch(`${system.url}/token`, { method: 'POST', body })
  await reply.arrayBuffer()
  return reply.status
}

test('a right password is accepted at once when machines with an old one share its name and address', async () => {
  const { password } = accounts.viewer
  expect(await login('victor', password)).toBe(200)
  for (let round = 0; round < 2; round++) {
    const stale = await Promise.all(Array.from({ length: 14 }, () => login('victor', 'the old password')))
    expect(stale).toContain(429)
    expect(await Promise.all(Array.from({ length: 5 }, () => login('victor', password)))).toEqual(
      Array.from({ length: 5 }, () => 200),
    )
  }
}, 300_000)

test('no more passwords are looked at before their turn when a program guesses, however often each', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  try {
    const looks = new LookAhead(memoryLimiter)
    const mayLook = (password: string) => looks.mayLook('web', '192.0.2.1', password)
    for (let round = 0; round < 20; round++) expect(await mayLook('guess-0')).toBe(true)
    for (let at = 1; at < 10; at++) expect(await mayLook(`guess-${at}`)).toBe(true)
    expect(await mayLook('guess-10')).toBe(false)
    // A login of another machine gives back its own look alone.
    await looks.provedRight('web', '192.0.2.1', 'the right one')
    expect(await mayLook('guess-10')).toBe(false)
    await looks.provedRight('web', '192.0.2.1', 'guess-3')
    expect(await mayLook('guess-3')).toBe(true)
    expect(await mayLook('guess-10')).toBe(false)
    expect(await looks.mayLook('other', '192.0.2.1', 'guess-10')).toBe(true)
    vi.advanceTimersByTime(10 * 60 * 1000)
    expect(await mayLook('guess-10')).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

test('passwords that are looked at all at once are as many as those that come in turn', async () => {
  const looks = new LookAhead(memoryLimiter)
  const guesses = Array.from({ length: 40 }, (_, at) => `guess-${at % 20}`)
  const looked = await Promise.all(
    guesses.map(async (guess) => ((await looks.mayLook('web', '192.0.2.1', guess)) ? guess : undefined)),
  )
  expect(new Set(looked.filter((guess) => guess !== undefined)).size).toBe(10)
})
