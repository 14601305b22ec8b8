import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createAgent } from '../../../../src/agent/app.js'
import { AuditVerification } from '../../../../src/audit/verification.js'
import { createOgentClient } from '../../../../src/client/client.js'
import type { AuditWitness } from '../../../../src/shared/access/audit.js'
import { callAs, onBothStores, type Site } from '../../../support/both-stores.js'
import { temporaryFolder } from '../../../support/folder.js'
import { until } from '../../../support/processes.js'
import { accounts, silent } from '../../../support/system.js'

async function agentAt(url: string, agent_id: string, folder: string) {
  const { username, password } = accounts.agent
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: url,
      AGENT_USERNAME: username,
      AGENT_PASSWORD: password,
      AGENT_ID: agent_id,
      AGENT_STATE_DIR: join(folder, agent_id),
    },
    log: silent,
  })
  await agent.registered
  return agent
}

async function witnessesOf(site: Site): Promise<AuditWitness[]> {
  const { status, body } = await callAs(site.urls[0], 'admin', '/audit/witnesses')
  expect(status).toBe(200)
  return body.witnesses as AuditWitness[]
}

onBothStores('agents as witnesses', (open) => {
  test('keep the checkpoints that orders bring, answer at any controller, and show what was cut', async () => {
    using folder = temporaryFolder()
    await using site = await open()
    const agents = await Promise.all([
      agentAt(site.urls[0], 'a1', folder.path),
      agentAt(site.urls[1], 'a2', folder.path),
    ])
    try {
      const { username, password } = accounts.operator
      await using olga = createOgentClient({ url: site.urls[0], username, password })
      const newest = async () => {
        const [a1] = (await witnessesOf(site)).filter(({ agent_id }) => agent_id === 'a1')
        return a1?.checkpoints.at(-1)
      }
      const first = await newest()
      expect(first?.seq).toBeGreaterThan(0)
      // So many that another checkpoint is signed, which a later order brings.
      for (let at = 0; at < 70; at++) await olga.execute({ agent_id: 'a1', command: 'true' })
      await until('a newer one is kept', async () => {
        await olga.execute({ agent_id: 'a1', command: 'true' })
        return ((await newest())?.seq ?? 0) > (first?.seq ?? 0)
      })
      const witnesses = await witnessesOf(site)
      expect(witnesses.map(({ agent_id }) => agent_id)).toEqual(['a1', 'a2'])

      const { text } = await callAs(site.urls[0], 'admin', '/audit/export')
      const lines = text.trim().split('\n')
      const anchors = witnesses.flatMap(({ agent_id, checkpoints }) =>
        checkpoints.map((checkpoint) => ({ checkpoint, kept_by: agent_id })),
      )
      const verdictOf = (given: string[]) => {
        const verification = new AuditVerification()
        for (const line of given) verification.read(line)
        return verification.verdict(anchors)
      }
      const whole = verdictOf(lines)
      expect(whole).toMatchObject({ ok: true })
      const chain = (await newest())?.chain
      expect(whole.ok && whole.chains.find((one) => one.chain === chain)?.kept_by).toContain('a1')
      const seq = (await newest())?.seq ?? 0
      const cut = lines.filter((line) => {
        const parsed = JSON.parse(line) as { type: string; chain: string; seq: number }
        return parsed.type === 'record' && (parsed.chain !== chain || parsed.seq < seq)
      })
      expect(verdictOf(cut)).toMatchObject({
        ok: false,
        break: { chain, seq, reason: expect.stringContaining('kept by a1') },
      })
    } finally {
      await Promise.all(agents.map((agent) => agent.stop({ drainMs: 0 })))
    }
    const kept = readFileSync(join(folder.path, 'a1', 'checkpoints.jsonl'), 'utf8')
      .trim()
      .split('\n')
    expect(kept.length).toBeGreaterThan(1)
  })
})
