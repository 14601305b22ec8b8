import { expect, test, vi } from 'vitest'
import { errorOf, refusalError, refusalReason } from '../../../src/shared/commands/refusal.js'
import { callAs, onBothStores } from '../../support/both-stores.js'
import { ended, RogueAgent } from '../../support/rogue-agent.js'

vi.setConfig({ testTimeout: 180_000 })

/** The end of a command of which the agent saw no process. */
const notRun = (command_id: string, more: object) => ended(command_id, 1, '', { exit_code: null, ...more })

function resultOf(detail: Record<string, unknown>): { error?: unknown } {
  // Of a command that has ended.
  return detail.result as { error?: unknown }
}

onBothStores('the error of a result', (open) => {
  test('is data in the result, the record and the reply, from an agent that sends it and from an older one', async () => {
    await using site = await open()
    await using agent = await RogueAgent.connect(site.urls[0], 'web-1')
    const busy = { status: 'error', reason: 'AGENT_BUSY: 16 commands run.' }
    const refused = { status: 'refused', reason: 'COMMAND_REFUSED: It is risky.\n- Deletes files.' }
    const risks = ['Deletes files.']
    const cases: [report: object, error: object | undefined, status: number, code: string | undefined][] = [
      [{ ...busy, error: { code: 'AGENT_BUSY' } }, { code: 'AGENT_BUSY' }, 503, 'AGENT_BUSY'],
      [busy, { code: 'AGENT_BUSY' }, 503, 'AGENT_BUSY'],
      [refused, { code: 'COMMAND_REFUSED', risks }, 403, 'COMMAND_REFUSED'],
      // Its words are for people alone.
      [
        { status: 'error', reason: 'Full.', error: { code: 'AGENT_BUSY' } },
        { code: 'AGENT_BUSY' },
        503,
        'AGENT_BUSY',
      ],
      // A code that this version does not know is passed on, and is no error of the request.
      [{ status: 'error', reason: 'New.', error: { code: 'LATER' } }, { code: 'LATER' }, 200, undefined],
      [{ status: 'error', reason: 'NOT_A_CODE: of ours' }, undefined, 200, undefined],
    ]
    for (const [report, error, status, code] of cases) {
      const asked = callAs(site.urls[1], 'operator', '/agents/web-1/execute', { body: { command: 'true' } })
      const { command_id } = await agent.order()
      await agent.report(notRun(command_id, report))
      const answer = await asked
      expect([answer.status, answer.body.code]).toEqual([status, code])
      const { body: detail } = await callAs(site.urls[1], 'viewer', `/commands/${command_id}`)
      expect([detail.error, resultOf(detail).error]).toEqual([error, error])
    }
    const { body: page } = await callAs(site.urls[1], 'viewer', '/commands?status=refused')
    // Without its risks: a page has many rows.
    expect(page).toMatchObject({ commands: [{ error: { code: 'COMMAND_REFUSED' } }] })
    expect(JSON.stringify(page)).not.toContain('risks')
  })

  test('is absent when a process ended by itself, even when its agent sends one', async () => {
    await using site = await open()
    await using agent = await RogueAgent.connect(site.urls[0], 'web-1')
    const asked = callAs(site.urls[1], 'operator', '/agents/web-1/execute', { body: { command: 'exit 3' } })
    const { command_id } = await agent.order()
    const end = { status: 'error', exit_code: 3, reason: 'AGENT_BUSY: no', error: { code: 'AGENT_BUSY' } }
    await agent.report(ended(command_id, 1, '', end))
    expect(await asked).toMatchObject({ status: 200, body: { status: 'error', result: { exit_code: 3 } } })
    expect((await asked).body.result).not.toHaveProperty('error')
  })

  test('names the code when the controller itself ended the command', async () => {
    await using site = await open()
    {
      await using _known = await RogueAgent.connect(site.urls[0], 'web-1')
    }
    const { status, body } = await callAs(site.urls[1], 'operator', '/agents/web-1/execute', {
      body: { command: 'true', command_id: 'late', deliver_within_seconds: 1 },
    })
    expect([status, body.code]).toEqual([409, 'AGENT_OFFLINE'])
    const { body: detail } = await callAs(site.urls[1], 'viewer', '/commands/late')
    expect(detail.error).toEqual({ code: 'AGENT_OFFLINE' })
  })
})

test('the number and the length of risks are limited', () => {
  const refusal = { sentence: 'No.', risks: Array.from({ length: 100 }, () => 'x'.repeat(2000)) }
  const kept = Array.from({ length: 32 }, () => 'x'.repeat(512))
  expect(refusalError(refusal)).toEqual({ code: 'COMMAND_REFUSED', risks: kept })
  expect(errorOf({ reason: refusalReason(refusal) })).toEqual({
    code: 'COMMAND_REFUSED',
    risks: kept,
    sentence: 'No.',
  })
})
