import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Journal } from '../../../src/server/journal/journal.js'
import { LmdbJournal } from '../../../src/server/journal/lmdb/journal.lmdb.js'
import type { Entry } from '../../../src/server/journal/port.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import { newCommand, output, readAll, result } from '../../suites/journal-suite.js'
import { temporaryFolder } from '../../support/folder.js'
import { silent } from '../../support/system.js'

const MiB = 1024 * 1024

/** What a process that died in this moment leaves behind. */
function crash(folder: string, to: string): LmdbJournal {
  cpSync(join(folder, 'journal'), join(to, 'journal'), { recursive: true })
  return new LmdbJournal(new LmdbFolder(to, silent))
}

test('a command stays open after a crash between the commits of much output and of its end', async () => {
  using folder = temporaryFolder()
  using crashed = temporaryFolder()
  const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
  await (await store.create(newCommand('c1'))).committed
  const started = {
    type: 'command_progress',
    command_id: 'c1',
    state: 'started',
    execution_type: 'local',
    target: 'a1',
    timestamp: new Date().toISOString(),
  } as const
  const chunks = Array.from({ length: 5 }, (_, at) => ({
    report: at + 2,
    event: output('c1', at * MiB, Buffer.alloc(MiB, 'x')),
  }))
  // So much is looked at for room before it is committed; the end comes in this moment, with the next commit.
  const much = await store.append('c1', [{ report: 1, event: started }, ...chunks])
  const end = await store.append('c1', [{ report: 7, event: result('c1', 'success') }])
  await much?.committed
  const next = crash(folder.path, crashed.path)
  const state = await next.state('c1')
  expect(await readAll(next, 'c1')).toHaveLength(state?.last_seq ?? 0)
  expect(state?.result_seq ?? 0).toBeLessThanOrEqual(state?.last_seq ?? 0)
  expect(state?.record.status).toBe(state?.result_seq === undefined ? 'running' : 'success')
  await end?.committed
  await Promise.all([store.close(), next.close()])
})

test('an event of the controller itself keeps its number after a crash when a follower has seen it', async () => {
  using folder = temporaryFolder()
  using crashed = temporaryFolder()
  const journal = new Journal(new LmdbJournal(new LmdbFolder(folder.path, silent)))
  await (await journal.create(newCommand('c1'))).committed
  const asked = {
    type: 'command_progress',
    command_id: 'c1',
    state: 'cancel_requested',
    requested_by: 'olga',
    timestamp: new Date().toISOString(),
  } as const
  const piece = (n: number) => ({ report: n, event: output('c1', n - 1, Buffer.from('x')) })
  await (await journal.append('c1', [piece(1)]))?.committed
  const seen: Entry[] = []
  const appended = journal.append('c1', [{ event: asked, unlessEnded: true }])
  const after = journal.append('c1', [piece(2)])
  for await (const entry of journal.follow('c1', 1, { signal: new AbortController().signal })) {
    seen.push(entry)
    if (seen.length === 4) break
  }
  const next = crash(folder.path, crashed.path)
  // The agent sends again what was not committed: it must not take a number that the follower has seen already.
  const again = await next.append('c1', [piece(2)])
  const stored = [...(await readAll(next, 'c1')), ...(again?.entries ?? [])]
  for (const { seq, event } of seen) {
    const there = stored.find((entry) => entry.seq === seq)
    expect(there?.event).toEqual(event)
  }
  await Promise.all([appended, after, journal.close(), next.close()])
})
