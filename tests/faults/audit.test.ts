import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AuditVerification } from '../../src/audit/verification.js'
import type { OgentClient } from '../../src/client/client.js'
import type { AuditLine } from '../../src/shared/access/audit.js'
import { until } from '../support/processes.js'
import { smallDisk } from '../support/small-disk.js'
import { startSystem } from '../support/system.js'
import { AGENT_ID, Plant } from './plant.js'

const LONG = { timeout: 280_000 }
const MB = 1024 * 1024

/** The lines of the audit, which have to verify. */
async function verified(ogent: OgentClient): Promise<AuditLine[]> {
  const parts: Uint8Array[] = []
  for await (const part of ogent.audit.export()) parts.push(part)
  const lines = Buffer.concat(parts).toString().trim().split('\n')
  const verification = new AuditVerification()
  for (const line of lines) verification.read(line)
  expect(verification.verdict()).toMatchObject({ ok: true, chains: [{ first: 1 }] })
  return lines.map((line) => JSON.parse(line) as AuditLine)
}

test(
  'kill -9 of a controller leaves a chain that goes on, with one record of each order that has left',
  LONG,
  async () => {
    await using plant = await Plant.start()
    const ogent = plant.client()
    const runs: Promise<unknown>[] = []
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 20; at++)
        runs.push(
          ogent
            .execute({ agent_id: AGENT_ID, command: `echo ${round} ${at}` })
            .then((outcome) => outcome.command_id),
        )
      await runs[round * 20]
      await plant.controller.kill()
      plant.startController()
      await plant.controllerReady()
    }
    const ids = await Promise.all(runs)
    const lines = await verified(ogent)
    const orders = lines.flatMap((line) =>
      line.type === 'record' && line.action === 'order' ? [line.command_id] : [],
    )
    expect(orders.sort()).toEqual(ids.sort())
    const starts = lines.filter((line) => line.type === 'record' && line.action === 'audit.start')
    expect(starts).toHaveLength(4)
  },
)

const disk = smallDisk(1)
disk?.[Symbol.dispose]()

describe.skipIf(disk === undefined)('a controller whose disk is full', () => {
  test(
    'refuses orders, reads go on, and what was recorded meanwhile is written when there is room',
    LONG,
    async () => {
      using small = smallDisk(64) ?? { path: '', [Symbol.dispose]: () => {} }
      const ballast = join(small.path, 'ballast')
      await using system = await startSystem({ controller: { DATA_DIR: join(small.path, 'data') } })
      const [olga, admin, victor] = [
        system.client('operator'),
        system.client('admin'),
        system.client('viewer'),
      ]
      const { command_id } = await olga.execute({ agent_id: 'agent-1', command: 'echo before' })
      writeFileSync(ballast, Buffer.alloc(50 * MB))
      await until('the disk is full', async () => (await fetch(`${system.url}/ready`)).status === 503)
      const order = olga.execute({ agent_id: 'agent-1', command: 'echo refused' })
      await expect(order).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      for (let at = 0; at < 3; at++) expect((await victor.commands.get(command_id)).status).toBe('success')
      expect((await admin.audit.list()).records.map(({ action }) => action)).toContain('order')

      rmSync(ballast)
      await until('it is ready again', async () => (await fetch(`${system.url}/ready`)).status === 200)
      expect((await olga.execute({ agent_id: 'agent-1', command: 'echo after' })).status).toBe('success')
      const lines = await verified(admin)
      const actions = lines.flatMap((line) =>
        line.type === 'record' && line.action !== 'audit.start' ? [line.action] : [],
      )
      const views = actions.filter((action) => action === 'commands.view')
      expect(views).toHaveLength(3)
      expect(actions.indexOf('commands.view')).toBeLessThan(actions.lastIndexOf('order'))
    },
  )
})
