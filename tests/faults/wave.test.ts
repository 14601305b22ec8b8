import { expect, test } from 'vitest'
import { startLoop, type TestLoop } from '../agent/link/loops.js'
import { temporaryFolder } from '../support/folder.js'
import { freePort } from '../support/redis.js'
import { Role } from '../support/roles.js'
import { rounds } from './scale.js'

const AGENTS = rounds(200, 2000)
/** A fleet of this size is back within so long, in ms; a slow machine has to manage that too. */
const BACK_MS = 15_000

const password = 'wave-pass-1'

async function allRegistered(loops: TestLoop[], since: number, ms: number): Promise<number> {
  const deadline = performance.now() + ms
  const back = (loop: TestLoop) => (loop.registered.at(-1) ?? Number.NEGATIVE_INFINITY) > since
  while (!loops.every(back) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(loops.filter((loop) => !back(loop))).toHaveLength(0)
  return performance.now()
}

test(`${AGENTS} agents are back within ${BACK_MS / 1000} s after a restart, and none is refused`, {
  timeout: 300_000,
}, async () => {
  using folder = temporaryFolder('ogent-wave-')
  const port = await freePort()
  const env = { PORT: String(port), DATA_DIR: folder.path, ADMIN_PASSWORD: password }
  const url = `http://127.0.0.1:${port}`
  const loops: TestLoop[] = []
  const first = Role.controller(env)
  try {
    await first.says(/controller is listening/)
    // In groups: what is measured here is not a fleet that logs in for the first time.
    while (loops.length < AGENTS) {
      const group = Array.from({ length: 50 }, (_, index) =>
        startLoop(`wave-${loops.length + index}`, { url, username: 'admin', password }),
      )
      loops.push(...group)
      await allRegistered(group, Number.NEGATIVE_INFINITY, 120_000)
    }
    const killedAt = performance.now()
    await first.kill()
    await using second = Role.controller(env)
    await second.says(/controller is listening/)
    const listeningAt = performance.now()
    const backAt = await allRegistered(loops, killedAt, 60_000)
    process.stderr.write(`${AGENTS} agents were back after ${Math.round(backAt - listeningAt)} ms\n`)
    expect(backAt - listeningAt).toBeLessThan(BACK_MS)
    const refused = loops.flatMap(({ lines }) =>
      lines.filter(({ at, message }) => at > listeningAt && message.startsWith('not connected')),
    )
    // What was on its way while no controller was there may be told a moment later.
    expect(refused.filter(({ cause }) => !/ECONNREFUSED|ECONNRESET/.test(String(cause)))).toEqual([])
  } finally {
    await first.kill()
    await Promise.all(loops.map((loop) => loop.stop()))
  }
})
