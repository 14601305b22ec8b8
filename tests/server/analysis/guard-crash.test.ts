import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createAgent } from '../../../src/agent/app.js'
import { createOgentClient } from '../../../src/client/client.js'
import type { Analyzer } from '../../../src/server/analysis/analyzer.js'
import { createController } from '../../../src/server/app.js'
import { localAttendance } from '../../../src/server/cluster/local.js'
import { OpenLimits } from '../../../src/server/commands/open-command-limits.js'
import { RequestHash } from '../../../src/server/commands/request-hash.js'
import { Commands } from '../../../src/server/commands/service.js'
import { Journal } from '../../../src/server/journal/journal.js'
import { LmdbJournal } from '../../../src/server/journal/lmdb/journal.lmdb.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import { commandRequestSchema } from '../../../src/shared/commands/request.js'
import { actor } from '../../support/actors.js'
import { strictEvents } from '../../support/events.js'
import { temporaryFolder } from '../../support/folder.js'
import { rolePolicy } from '../../support/role-policy.js'
import { accounts, silent } from '../../support/system.js'

test('a refused command never runs, even when the controller died before it stored the refusal', async () => {
  using folder = temporaryFolder()
  const data = join(folder.path, 'data')
  const marker = join(folder.path, 'ran')
  const request = commandRequestSchema.parse({
    agent_id: 'agent-1',
    command: `touch ${marker}`,
    command_id: 'half',
    deliver_within_seconds: 600,
  })
  const store = new LmdbFolder(data, silent)
  const journal = new Journal(new LmdbJournal(store))
  // The death: the first event is stored, the second is not.
  journal.append = async () => {
    throw new Error('killed')
  }
  const verdict = { safe: false, risk_level: 'high', risks: ['It is.'], suggestions: [] }
  const commands = new Commands({
    journal,
    // Only what a refusal asks of them.
    agents: { find: async () => ({ agent_info: {} }) } as never,
    dispatcher: {} as never,
    guard: { judge: () => verdict } as unknown as Analyzer,
    guardMode: 'block',
    events: strictEvents(),
    policy: rolePolicy,
    timeoutSeconds: 60,
    maxOutputBytes: 1000,
    requestHash: new RequestHash('a key'),
    attendance: localAttendance,
    limits: new OpenLimits({ perUser: 1, perAgent: 1, stillOpen: async () => [] }),
  })
  await expect(commands.start(request, actor('olga', 'operator'))).rejects.toThrow('killed')
  await store.committed()
  await journal.close()

  const { username, password } = accounts.agent
  const controller = await createController({
    settings: { PORT: 0, DATA_DIR: data },
    users: [accounts.agent, accounts.operator],
    log: silent,
  })
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: controller.url,
      AGENT_USERNAME: username,
      AGENT_PASSWORD: password,
      AGENT_ID: 'agent-1',
      AGENT_STATE_DIR: join(folder.path, 'agent'),
    },
    log: silent,
  })
  const ogent = createOgentClient({ url: controller.url, ...accounts.operator })
  try {
    expect(await ogent.commands.attach('half')).toMatchObject({
      status: 'error',
      reason: expect.stringContaining('was not run'),
    })
    expect(existsSync(marker)).toBe(false)
  } finally {
    await ogent.close()
    await agent.stop({ drainMs: 0 })
    await controller.close()
  }
})
