import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { AGENT_ID, credentials, Plant } from './plant.js'
import { long } from './scale.js'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const LIMIT_MB = 64
const SIZE_MB = long ? 1000 : 256

test(`${SIZE_MB} MB of one command increase the memory of no process by more than ${LIMIT_MB} MB`, {
  timeout: 600_000,
}, async () => {
  await using plant = await Plant.start({ controller: { MAX_OUTPUT_BYTES: String(2 * SIZE_MB * 1e6) } })
  // What is paid once, for the first output ever, is no part of it: V8 lets 64 MiB of buffers lie before it collects.
  await run(plant, 128, () => {})
  const roles = { controller: plant.controller.pid, agent: plant.agent.pid }
  const before = new Map(Object.entries(roles).map(([role, pid]) => [role, residentMB(pid)]))
  const moved: Record<string, number> = {}
  const client: number[] = []
  const bytes = await run(plant, SIZE_MB, (caller) => {
    for (const [role, pid] of Object.entries(roles)) {
      moved[role] = Math.max(moved[role] ?? 0, residentMB(pid) - (before.get(role) ?? 0))
    }
    client.push(residentMB(caller))
  })
  // The caller is a fresh process: what it had when the first tenth was through is where it begins.
  moved.caller = Math.max(...client) - (client[Math.floor(client.length / 10)] ?? 0)
  process.stdout.write(`${JSON.stringify({ SIZE_MB, moved })}\n`)
  expect(bytes).toBe(SIZE_MB * 1e6)
  for (const [role, mb] of Object.entries(moved)) expect(mb, role).toBeLessThan(LIMIT_MB)
})

/** Has `ogent run` print so much, and looks at the processes meanwhile; gives the bytes that it printed. */
async function run(plant: Plant, mb: number, look: (caller: number) => void): Promise<number> {
  const command = `head -c ${mb}000000 /dev/zero | tr '\\0' x`
  const env = {
    PATH: process.env.PATH,
    OGENT_URL: plant.directUrl,
    OGENT_USERNAME: credentials.username,
    OGENT_PASSWORD: credentials.password,
  }
  const caller = spawn(process.execPath, [CLI, 'run', AGENT_ID, '--', command], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let bytes = 0
  caller.stdout.on('data', (data: Buffer) => {
    bytes += data.length
  })
  const sampler = setInterval(() => caller.pid !== undefined && look(caller.pid), 20)
  const [code] = await once(caller, 'close')
  clearInterval(sampler)
  expect(code).toBe(0)
  return bytes
}

/** Resident memory of a process without mapped files (proc(5)): pages of the journal's file are the kernel's cache. */
function residentMB(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/RssAnon:\s+(\d+) kB/)?.[1] ?? 0) / 1000
  } catch {
    return 0
  }
}
