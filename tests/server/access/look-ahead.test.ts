import { afterAll, beforeAll, expect, test } from 'vitest'
import { LookAhead } from '../../../src/server/access/look-ahead.js'
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

test('the look-ahead checks each password of a guessing program once, and no more than ten before their turn', () => {
  const looks = new LookAhead()
  const mayLook = (password: string, now = 1) => looks.mayLook('web', '192.0.2.1', password, now)
  expect(mayLook('guess-0')).toBe(true)
  expect(mayLook('guess-0')).toBe(false)
  for (let at = 1; at < 10; at++) expect(mayLook(`guess-${at}`)).toBe(true)
  expect(mayLook('guess-10')).toBe(false)
  // A login of another machine gives back its own look alone.
  looks.provedRight('web', '192.0.2.1', 'the right one')
  expect(mayLook('guess-10')).toBe(false)
  looks.provedRight('web', '192.0.2.1', 'guess-3')
  expect(mayLook('guess-3')).toBe(true)
  expect(looks.mayLook('other', '192.0.2.1', 'guess-10', 1)).toBe(true)
  expect(mayLook('guess-10', 10 * 60 * 1000)).toBe(true)
})
