import { describe, expect, test } from 'vitest'
import { AgentLink } from '../../../src/server/agents/connection.js'
import type { ExecuteOrder, LinkEvent } from '../../../src/shared/link/protocol.js'

function order(command_id: string, command = 'true'): ExecuteOrder {
  return {
    type: 'execute_command_event',
    command_id,
    command,
    requester_sid: 'ada',
    execution_target: 'local',
    timeout_seconds: 1,
    max_output_bytes: 1,
    expires_at: 0,
  }
}

const cancel = (command_id: string): LinkEvent => ({
  type: 'cancel_command_event',
  command_id,
  requested_by: 'ada',
})

async function read(link: AgentLink, count: number): Promise<string[]> {
  const events = link.events()
  const ids: string[] = []
  while (ids.length < count) {
    const { value } = await events.next()
    if (value && 'command_id' in value) ids.push(value.command_id)
  }
  return ids
}

describe('the open link of an agent', () => {
  test('delivers its orders in the order in which they were pushed, also those from before it is read', async () => {
    const link = new AgentLink('web-1', 'i1')
    link.push(order('a'))
    link.push(cancel('a'))
    const ids = read(link, 4)
    link.push(order('b'))
    link.push(order('c'))
    expect(await ids).toEqual(['a', 'a', 'b', 'c'])
    expect(link.queued).toBe(0)
  })

  test('throws AGENT_BUSY for one order more than may be queued', () => {
    const link = new AgentLink('web-1', 'i1')
    for (let n = 0; n < 2000; n++) link.push(cancel(`c${n}`))
    expect(link.hasRoom).toBe(false)
    expect(() => link.push(cancel('one more'))).toThrow(expect.objectContaining({ code: 'AGENT_BUSY' }))
  })

  test('has no room while 4 MiB of input wait', async () => {
    const link = new AgentLink('web-1', 'i1')
    const type = 'stdin_command_event'
    const data = new Uint8Array(256 * 1024)
    for (let n = 0; n < 16; n++) link.push({ type, command_id: 'a', offset: n * data.length, data })
    expect(link.hasRoom).toBe(false)
    await read(link, 1)
    expect(link.hasRoom).toBe(true)
  })

  test('has no room while 4 Mi characters of orders wait, and reports when it has', async () => {
    const link = new AgentLink('web-1', 'i1')
    for (const id of ['a', 'b', 'c', 'd']) link.push(order(id, 'x'.repeat(1024 * 1024)))
    expect(link.hasRoom).toBe(false)
    let roomy = false
    const room = link.room().then(() => {
      roomy = true
    })
    await Promise.resolve()
    expect(roomy).toBe(false)
    expect(await read(link, 1)).toEqual(['a'])
    await room
    expect(link.hasRoom).toBe(true)
  })
})

describe('the closed link of an agent', () => {
  test('ends its events, releases those that wait for room, and reports its end once', async () => {
    let told = 0
    const link = new AgentLink('web-1', 'i1', () => {
      told += 1
    })
    for (let n = 0; n < 2000; n++) link.push(cancel(`c${n}`))
    const room = link.room()
    link.close()
    link.close()
    await room
    expect(told).toBe(1)
    expect((await link.events().next()).done).toBe(true)
  })

  test('discards new orders silently, since they are sent again at the next hello', () => {
    const link = new AgentLink('web-1', 'i1')
    link.close()
    link.push(order('late'))
    expect(link.queued).toBe(0)
  })

  test('is what a link becomes when the loop over its events is left', async () => {
    const link = new AgentLink('web-1', 'i1')
    link.push(order('a'))
    for await (const _event of link.events()) break
    expect(link.closed).toBe(true)
  })
})
