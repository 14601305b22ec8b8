import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AuditVerification } from '../../../../src/audit/verification.js'
import { createOgentClient } from '../../../../src/client/client.js'
import type { AuditCheckpoint, AuditPage, AuditRecord } from '../../../../src/shared/access/audit.js'
import { callAs, onBothStores, type Site } from '../../../support/both-stores.js'
import { temporaryFolder } from '../../../support/folder.js'
import { until } from '../../../support/processes.js'
import { accounts } from '../../../support/system.js'

const pageOf = async (site: Site, query = '', at: 0 | 1 = 0) => {
  const { status, body } = await callAs(site.urls[at], 'admin', `/audit${query}`)
  expect(status).toBe(200)
  return body as unknown as AuditPage
}

async function exportOf(site: Site): Promise<string[]> {
  const { text } = await callAs(site.urls[0], 'admin', '/audit/export')
  return text.trim().split('\n')
}

function verdictOf(lines: string[], anchors: AuditCheckpoint[] = []) {
  const verification = new AuditVerification()
  for (const line of lines) verification.read(line)
  return verification.verdict(anchors.map((checkpoint) => ({ checkpoint, kept_by: 'a file' })))
}

/** Starts a command that waits for an agent that never comes. */
async function order(url: string, command: string, more: Record<string, unknown> = {}) {
  const body = { command, ...more }
  return callAs(url, 'operator', '/agents/a1/execute', {
    body,
    headers: { prefer: 'respond-async' },
  })
}

onBothStores('the audit', (open) => {
  test('has a record of each order, with hashes and names, and of who read it, refused it or ended it', async () => {
    await using site = await open({ COMMAND_GUARD: 'block' })
    await known(site, 'a1')
    const env = { TOKEN: 'the-value-of-a-secret' }
    const { body } = await order(site.urls[0], 'echo the-text-of-a-command', {
      env,
      cwd: '/tmp',
      stdin: 'the-input',
    })
    const { command_id } = body as { command_id: string }
    expect((await order(site.urls[0], 'rm -rf /')).status).toBe(403)
    expect((await callAs(site.urls[1], 'viewer', `/commands/${command_id}`)).status).toBe(200)
    expect(
      (await callAs(site.urls[1], 'operator', `/commands/${command_id}/cancel`, { body: {} })).status,
    ).toBe(202)
    await until('the command has ended', async () => {
      const { body } = await callAs(site.urls[0], 'operator', `/commands/${command_id}`)
      return body.status === 'cancelled'
    })
    expect((await callAs(site.urls[1], 'viewer', `/commands/${command_id}`)).status).toBe(200)

    await until(
      'all is there',
      async () => (await pageOf(site, '?actor=victor&action=commands.view')).records.length > 0,
    )
    const { records } = await pageOf(site)
    const deeds = records.filter(
      ({ actor, action }) => action !== 'login' && (actor?.name === 'olga' || actor?.name === 'victor'),
    )
    expect(deeds.map(({ action, verdict, actor }) => [action, verdict, actor?.name])).toEqual([
      ['commands.view', 'allowed', 'victor'],
      ['cancel', 'allowed', 'olga'],
      ['order', 'denied', 'olga'],
      ['order', 'allowed', 'olga'],
    ])
    expect(deeds.at(-1)).toMatchObject({
      object: 'agent:a1',
      command_id,
      details: {
        command_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        cwd: '/tmp',
        env: ['TOKEN'],
        target: 'auto',
      },
    })
    const text = (await exportOf(site)).join('\n')
    for (const secret of ['the-value-of-a-secret', 'the-text-of-a-command', 'the-input', 'operator-pass-1'])
      expect(text).not.toContain(secret)
  })

  test('lists pages that have each record once, of all controllers, and those alone that were asked for', async () => {
    await using site = await open()
    await known(site, 'a1')
    for (let at = 0; at < 12; at++) await order(site.urls[at % 2 === 0 ? 0 : 1], `echo ${at}`)
    await until(
      'all is there',
      async () => (await pageOf(site, '?action=order&limit=200')).records.length === 12,
    )
    const seen: AuditRecord[] = []
    let cursor: string | null = null
    do {
      const page: AuditPage = await pageOf(site, `?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`)
      seen.push(...page.records)
      cursor = page.next_cursor
    } while (cursor !== null)
    const places = seen.map(({ chain, seq }) => `${chain} ${seq}`)
    expect(new Set(places).size).toBe(places.length)
    expect(seen.filter(({ action }) => action === 'order')).toHaveLength(12)
    const times = seen.map(({ timestamp }) => timestamp)
    expect(times).toEqual([...times].sort().reverse())
    expect(
      (await pageOf(site, '?action=audit.')).records.every(({ action }) => action === 'audit.start'),
    ).toBe(true)
    expect((await pageOf(site, '?object=agent:a2')).records).toEqual([])
    const [newest] = seen
    expect((await pageOf(site, `?until=${times.at(-1)}`)).records).toEqual([])
    expect((await pageOf(site, `?since=${newest?.timestamp}`)).records.map(({ seq }) => seq)).toContain(
      newest?.seq,
    )
    const wrong = await callAs(site.urls[0], 'admin', '/audit?cursor=nonsense')
    expect(wrong).toMatchObject({ status: 422, body: { detail: [{ loc: ['query', 'cursor'] }] } })
  })

  test('exports lines that verify, one chain for each controller, and that it was exported', async () => {
    await using site = await open()
    await known(site, 'a1')
    for (let at = 0; at < 70; at++) await order(site.urls[at % 2 === 0 ? 0 : 1], `echo ${at}`)
    await until('all is there', async () => (await exportOf(site)).length > 70)
    const lines = await exportOf(site)
    const verdict = verdictOf(lines)
    const chains = site.urls[0] === site.urls[1] ? 1 : 2
    expect(verdict).toMatchObject({ ok: true, chains: Array.from({ length: chains }, () => ({ first: 1 })) })
    expect((await pageOf(site, '?action=audit.export')).records[0]).toMatchObject({
      actor: { name: 'admin' },
    })

    const { body } = await callAs(site.urls[0], 'admin', '/audit/checkpoints')
    const { checkpoints } = body as { checkpoints: AuditCheckpoint[] }
    expect(verdictOf(lines, checkpoints)).toMatchObject({ ok: true })
    const [newest] = checkpoints
    const cut = lines.filter((line) => {
      const { type, chain, seq } = JSON.parse(line) as { type: string; chain: string; seq: number }
      return type === 'record' && (chain !== newest?.chain || seq < newest.seq)
    })
    expect(verdictOf(cut, checkpoints)).toMatchObject({ ok: false, break: { chain: newest?.chain } })
  })

  test('is read by those alone who may, and says so of them', async () => {
    await using site = await open()
    for (const path of ['/audit', '/audit/export', '/audit/checkpoints', '/audit/witnesses'])
      expect((await callAs(site.urls[0], 'operator', path)).status).toBe(403)
  })

  test('gives records and checkpoints to its sinks, and one that hangs holds nothing up', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'audit.jsonl')
    const hanging = await hangingServer()
    try {
      await using site = await open({ AUDIT_SINKS: [hanging.url, `file:${file}`] })
      await known(site, 'a1')
      for (let at = 0; at < 5; at++) expect((await order(site.urls[0], `echo ${at}`)).status).toBe(202)
      await until(
        'the file has them',
        async () => readFileSync(file, 'utf8').split('"action":"order"').length > 5,
      )
      await until('the webhook was called', async () => hanging.calls() > 0)
      const metrics = async () => (await callAs(site.urls[0], 'admin', '/metrics')).text
      // The call itself logs in, and that is recorded.
      await until('the file is not behind', async () =>
        /^ogent_audit_sink_waiting\{sink="file"\} 0/m.test(await metrics()),
      )
      const text = await metrics()
      expect(Number(text.match(/^ogent_audit_sink_waiting\{sink="webhook"\} (\d+)/m)?.[1])).toBeGreaterThan(4)
      expect((await callAs(site.urls[0], 'admin', '/ready')).status).toBe(200)
    } finally {
      await hanging.close()
    }
    // What the file has is an export of its own, with the end of each chain.
    expect(verdictOf(readFileSync(file, 'utf8').trim().split('\n'))).toMatchObject({ ok: true })
  })

  test('removes old records, and what is left verifies', async () => {
    await using site = await open({ AUDIT_RETENTION_DAYS: 3 / 24 / 3600 })
    await known(site, 'a1')
    for (let at = 0; at < 5; at++) await order(site.urls[0], `echo ${at}`)
    await until('the first record is gone', async () => {
      const first = JSON.parse((await exportOf(site))[0] ?? '{}') as AuditRecord
      return first.seq > 1
    })
    const lines = await exportOf(site)
    expect(verdictOf(lines)).toMatchObject({ ok: true })
    expect(verdictOf(lines.filter((line) => !line.includes('audit.prune')))).toMatchObject({ ok: false })
  })
})

/** Registers an agent that is gone again: orders wait for it. */
async function known(site: Site, agent_id: string): Promise<void> {
  const { createAgent } = await import('../../../../src/agent/app.js')
  const { silent } = await import('../../../support/system.js')
  using folder = temporaryFolder()
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: site.urls[0],
      AGENT_USERNAME: accounts.agent.username,
      AGENT_PASSWORD: accounts.agent.password,
      AGENT_ID: agent_id,
      AGENT_STATE_DIR: folder.path,
    },
    log: silent,
  })
  await agent.registered
  await agent.stop({ drainMs: 0 })
  const { username, password } = accounts.viewer
  for (const url of site.urls) {
    await using client = createOgentClient({ url, username, password })
    await until('the agent is known, and offline', async () =>
      (await client.agents.list()).some((one) => one.agent_id === agent_id && one.status !== 'connected'),
    )
  }
}

/** Takes requests and answers none. */
async function hangingServer() {
  let calls = 0
  const server: Server = createServer(() => {
    calls += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/audit`,
    calls: () => calls,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
