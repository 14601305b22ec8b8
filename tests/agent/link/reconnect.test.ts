import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../../support/processes.js'
import { TcpProxy } from '../../support/proxy.js'
import { accounts, type System, startSystem } from '../../support/system.js'
import { startLoop } from './loops.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
})
afterAll(() => system[Symbol.asyncDispose]())

const { username, password } = accounts.agent
/** What the machine that runs the tests may add to a wait, in ms. */
const SLACK_MS = 2000

test('an agent is back soon after four short cuts and a longer one', { timeout: 300_000 }, async () => {
  await using proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
  const loop = startLoop('cut-often', { url: proxy.url, username, password })
  try {
    await until('the agent is registered', () => loop.registered.length > 0)
    let lostAt = performance.now()
    const cut = async (ms: number) => {
      // Lost now, unless it was not back since the last time.
      if ((loop.registered.at(-1) ?? 0) > lostAt) lostAt = performance.now()
      proxy.close()
      await sleep(ms)
      proxy.resume()
    }
    for (let round = 0; round < 4; round++) {
      await cut(700)
      await sleep(300)
    }
    await cut(3000)
    const reachableAt = performance.now()
    await until('the agent is back', () => (loop.registered.at(-1) ?? 0) > reachableAt)
    const backAfter = (loop.registered.at(-1) ?? 0) - reachableAt
    expect(backAfter).toBeLessThan((reachableAt - lostAt) / 2 + 1000 + SLACK_MS)
  } finally {
    await loop.stop()
  }
})

test('an agent reconnects with the token that it has', async () => {
  await using proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
  const loop = startLoop('keeps-token', { url: proxy.url, username, password, reconnectDelayMs: 20 })
  try {
    await until('the agent is registered', () => loop.registered.length === 1)
    // With another login it would not get in.
    loop.options.password = 'wrong'
    proxy.cut()
    await until('the agent is back', () => loop.registered.length === 2)
  } finally {
    await loop.stop()
  }
})

test('an agent logs in again at once when the controller does not accept its token', async () => {
  const other = await startSystem({ agent: false })
  let port = Number(new URL(other.url).port)
  await using proxy = await TcpProxy.start(() => port)
  const loop = startLoop('moves', { url: proxy.url, username, password, reconnectDelayMs: 20 })
  try {
    await until('the agent is registered', () => loop.registered.length === 1)
    // A controller with a key of its own, as one is whose data folder was lost.
    port = Number(new URL(system.url).port)
    proxy.cut()
    await until('the agent is registered there', () => loop.registered.length === 2)
    expect(loop.lines.filter(({ code }) => code === 'UNAUTHORIZED')).toEqual([])
  } finally {
    await loop.stop()
    await other[Symbol.asyncDispose]()
  }
})
