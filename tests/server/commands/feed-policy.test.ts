import { expect, test } from 'vitest'
import { EventFeed, type FeedEvent } from '../../../src/server/commands/feed.js'
import { Commands } from '../../../src/server/commands/service.js'
import { Journal } from '../../../src/server/journal/journal.js'
import { LmdbJournal } from '../../../src/server/journal/lmdb/journal.lmdb.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import type { Actor } from '../../../src/server/transport/caller.js'
import type { Policy } from '../../../src/server/transport/policy.js'
import type { Agent } from '../../../src/shared/agents/agent.js'
import { OgentError } from '../../../src/shared/errors.js'
import { newCommand } from '../../suites/journal-suite.js'
import { actor } from '../../support/actors.js'
import { strictEvents } from '../../support/events.js'
import { temporaryFolder } from '../../support/folder.js'
import { silent } from '../../support/system.js'

/** Lets an actor view what is of one agent, as a policy of later versions may. */
const policy: Policy = {
  revision: 0,
  authorize(_actor, _action, resource) {
    if (resource?.agent_id === undefined || resource.agent_id === 'mine') return
    throw new OgentError('FORBIDDEN', 'This is the agent of others.')
  },
  authorizeRoles: () => {},
  authorizeLabels: () => {},
  may: () => true,
  authorizeCommand: () => ({}),
  reach: () => ({ all: false, includes: (agent_id) => agent_id === 'mine' }),
}

const vic: Actor = actor('vic', 'viewer')

test('a feed shows the commands and agents that the policy lets its caller view, and no other', async () => {
  using folder = temporaryFolder()
  const journal = new Journal(new LmdbJournal(new LmdbFolder(folder.path, silent)))
  const events = strictEvents()
  // What only starts or ends commands is not reached.
  const unreached = {} as never
  const commands = new Commands({
    journal,
    policy,
    events,
    agents: unreached,
    dispatcher: unreached,
    guard: unreached,
    limits: unreached,
    attendance: unreached,
    requestHash: unreached,
    guardMode: 'block',
    timeoutSeconds: 60,
    maxOutputBytes: 1000,
  })
  const create = async (command_id: string, agent_id: string) => {
    await journal.create(newCommand(command_id, { agent_id }))
    events.publish({ type: 'command_created', command_id, agent_id })
  }
  let held = 0
  const subscribe = () => {
    held += 1
    return () => {
      held -= 1
    }
  }
  const feed = new EventFeed({ journal, commands, events, policy })
  const items = feed.open(vic, {}, { signal: new AbortController().signal, subscribe })
  expect((await items.next()).value).toEqual({ type: 'opened' })

  const connected = (agent_id: string) =>
    events.publish({
      type: 'agent_connected',
      // Nothing else of it is looked at.
      agent: { agent_id } as Agent,
      timestamp: '2026-01-01T00:00:00.000Z',
    })
  connected('other')
  connected('mine')
  await create('c1', 'other')
  await create('c2', 'mine')
  const seen: FeedEvent[] = []
  for (let count = 0; count < 2; count++) {
    const { value } = await items.next()
    if (value) seen.push(value)
  }
  expect(seen).toMatchObject([
    { type: 'agent_connected', agent: { agent_id: 'mine' } },
    { type: 'command_response', command_id: 'c2' },
  ])
  await expect.poll(() => held).toBe(1)
  await items.return()
  await expect.poll(() => held).toBe(0)
  await journal.close()
})
