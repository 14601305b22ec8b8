import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../support/processes.js'
import { smallDisk } from '../support/small-disk.js'
import { Plant } from './plant.js'

const MB = 1024 * 1024

const disk = smallDisk(1)
disk?.[Symbol.dispose]()

describe.skipIf(disk === undefined)('a controller whose disk is full', () => {
  test('stays up, refuses new commands, loses nothing of running ones, and recovers by itself', {
    timeout: 280_000,
  }, async () => {
    using small = smallDisk(192) ?? { path: '', [Symbol.dispose]: () => {} }
    const ballast = join(small.path, 'ballast')
    writeFileSync(ballast, Buffer.alloc(160 * MB))
    await using plant = await Plant.start({ controller: { DATA_DIR: join(small.path, 'data') } })
    const ogent = plant.client()
    const ready = async () => {
      const reply = await fetch(`${plant.directUrl}/ready`).catch((cause) => {
        throw new Error(`The controller does not answer.\n${plant.logs}`, { cause })
      })
      return reply.status
    }

    // 60 MB where half of that has room.
    const command = 'seq 1 9000000 | head -c 62914560'
    const run = ogent.execute({ agent_id: 'agent-1', command })
    const hash = createHash('sha256')
    let bytes = 0
    const reading = (async () => {
      for await (const { data } of run.output) {
        hash.update(data)
        bytes += data.length
      }
    })()
    await until('the disk is full', async () => (await ready()) === 503)
    await expect(ogent.execute({ agent_id: 'agent-1', command: 'true' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect((await ogent.agents.get('agent-1')).status).toBe('connected')
    // Its process waits on its full pipe.
    const before = bytes
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(bytes - before).toBeLessThan(8 * MB)
    expect(bytes).toBeLessThan(62_914_560)

    rmSync(ballast)
    await reading
    const outcome = await run
    expect(outcome).toMatchObject({ status: 'success', stdout_bytes: 62_914_560 })
    expect(hash.digest('hex')).toBe(outcome.stdout_sha256)
    await until('it is ready again', async () => (await ready()) === 200)
    expect(await ogent.execute({ agent_id: 'agent-1', command: 'echo again' })).toMatchObject({
      stdout: 'again\n',
    })
    const again = createHash('sha256')
    for await (const { data } of ogent.commands.attach(run.command_id).output) again.update(data)
    expect(again.digest('hex')).toBe(outcome.stdout_sha256)
  })
})
