import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Journal } from '../../../src/server/journal/journal.js'
import { LmdbJournal } from '../../../src/server/journal/lmdb/journal.lmdb.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import type { RawCommandEvent } from '../../../src/shared/commands/event.js'
import {
  back,
  journalSuite,
  newCommand,
  output,
  readAll,
  result,
  type StoreUnderTest,
} from '../../suites/journal-suite.js'
import { temporaryFolder } from '../../support/folder.js'
import { until } from '../../support/processes.js'
import { silent } from '../../support/system.js'

journalSuite('LMDB', async (): Promise<StoreUnderTest> => {
  const folder = temporaryFolder()
  let store = new LmdbJournal(new LmdbFolder(folder.path, silent))
  return {
    store,
    async reopen() {
      await store.close()
      store = new LmdbJournal(new LmdbFolder(folder.path, silent))
      return store
    },
    async [Symbol.asyncDispose]() {
      await store.close()
      folder[Symbol.dispose]()
    },
  }
})

test('a closed store refuses to write, with UNAVAILABLE', async () => {
  using folder = temporaryFolder()
  const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
  await (await store.create(newCommand('c1'))).committed
  await store.close()
  const appended = await store.append('c1', [{ report: 1, event: output('c1', 0, Buffer.from('x')) }])
  await expect(appended?.committed).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a command and its order are there at the next start when a crash prevented the commit', async () => {
  using folder = temporaryFolder()
  using crashed = temporaryFolder()
  const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
  const made = await store.create(newCommand('c1', { command: 'echo "é\n"' }))
  await made.durable
  // What a process that died in this moment leaves behind: the plain file, and a store that knows nothing.
  mkdirSync(join(crashed.path, 'journal'))
  const intents = readFileSync(join(folder.path, 'journal', 'intents.jsonl'), 'utf8')
  writeFileSync(join(crashed.path, 'journal', 'intents.jsonl'), `${intents}\n{"record":{"cut`)
  await store.close()

  const next = new LmdbJournal(new LmdbFolder(crashed.path, silent))
  expect(await next.state('c1')).toEqual(made.state)
  const open: string[] = []
  for await (const { record } of next.open()) open.push(record.command_id)
  expect(open).toEqual(['c1'])
  await next.close()
})

describe('the end of a command', () => {
  test('is there, with all output, after a crash before its commit when it has been shown', async () => {
    using folder = temporaryFolder()
    using crashed = temporaryFolder()
    const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
    await store.create(newCommand('c1'))
    const drafts = [output('c1', 0, Buffer.from([0xff, 0, 0x7b])), output('c1', 3, Buffer.from('more'))]
    await store.append(
      'c1',
      drafts.map((event, at) => ({ report: at + 1, event })),
    )
    const appended = await store.append('c1', [{ report: 3, event: result('c1', 'success') }])
    // It may be shown at once.
    expect(appended?.durable).toBeUndefined()
    mkdirSync(join(crashed.path, 'journal'))
    for (const name of ['intents.jsonl', 'intents-2.jsonl']) {
      cpSync(join(folder.path, 'journal', name), join(crashed.path, 'journal', name))
    }
    await appended?.committed
    const whole = await readAll(store, 'c1')
    await store.close()

    for (let start = 0; start < 2; start++) {
      const next = new LmdbJournal(new LmdbFolder(crashed.path, silent))
      expect(await next.state('c1')).toMatchObject({ last_seq: 4, last_report: 3, result_seq: 4 })
      expect(await next.state('c1')).toEqual(appended?.state)
      await next.append('c1', [])
      await (await next.append('c1', []))?.committed
      expect(await readAll(next, 'c1')).toEqual(whole)
      await next.close()
    }
  })

  test('is shown after its commit, and not before, when much output precedes it', async () => {
    using folder = temporaryFolder()
    const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
    const journal = new Journal(store)
    await journal.create(newCommand('c1'))
    const shown: string[] = []
    const follow = async () => {
      const reader = { signal: new AbortController().signal }
      for await (const { event } of journal.follow('c1', 1, reader)) shown.push(event.type)
    }
    const following = follow()
    const many = output('c1', 0, Buffer.alloc(100_000))
    const appending = journal.append('c1', [
      { report: 1, event: many },
      { report: 2, event: result('c1', 'success') },
    ])
    await new Promise((resolve) => setImmediate(resolve))
    expect(shown).toEqual(['command_response', 'command_progress'])
    const appended = await appending
    expect(await store.read('c1', 1, 1_000_000)).toHaveLength(3)
    await appended?.committed
    await following
    expect(shown).toEqual(['command_response', 'command_progress', 'command_result'])
    await journal.close()
  })
})

test('an open command of an earlier version, whose state contained the order, is read with both', async () => {
  using folder = temporaryFolder()
  const before = new LmdbFolder(folder.path, silent)
  const { record, order, on_disconnect, event } = newCommand('c1')
  const head = { record, order, on_disconnect, cancel_requested_by: undefined, result_seq: undefined }
  await before.root.openDB({ name: 'commands' }).put('c1', head)
  await before.root.openDB({ name: 'events' }).put(['c1', 1], { report: undefined, event })
  await before.root.openDB({ name: 'open' }).put('c1', true)
  await before.close()

  for (let start = 0; start < 2; start++) {
    const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
    expect(await store.order('c1')).toEqual(order)
    expect(await store.state('c1')).toMatchObject({
      max_output_bytes: 1000,
      final: false,
      last_seq: start + 1,
    })
    await (await store.append('c1', [{ event: { ...back('c1'), state: 'agent_lost' } as RawCommandEvent }]))
      ?.committed
    await store.close()
  }
})

test('a command continues when its state is too long to be kept in memory', async () => {
  using folder = temporaryFolder()
  const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
  const command = `: ${'x'.repeat(100_000)}`
  await (await store.create(newCommand('c1', { command }))).committed
  for (let n = 1; n <= 3; n++) {
    const appended = await store.append('c1', [{ report: n, event: output('c1', n - 1, Buffer.from('x')) }])
    await appended?.committed
    expect(await store.state('c1')).toMatchObject({ last_seq: n + 1, last_report: n, record: { command } })
  }
  await store.close()
})

describe('the secrets of an order', () => {
  const secret = 'a-secret-of-its-environment'
  const kept = (path: string) =>
    ['intents.jsonl', 'intents-2.jsonl']
      .map((name) => readFileSync(join(path, 'journal', name), 'utf8'))
      .join('')
  const secretCommand = (id: string) => {
    const command = newCommand(id)
    return { ...command, order: { ...command.order, env: { TOKEN: secret } } }
  }

  test('are removed from the plain files shortly after the store has the command', async () => {
    using folder = temporaryFolder()
    const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
    await store.create(secretCommand('c1'))
    expect(kept(folder.path)).toContain(secret)
    await until('the files are empty', () => kept(folder.path) === '')
    await store.close()
  })

  test('are removed while other commands keep coming, and at a start after a crash', async () => {
    using folder = temporaryFolder()
    using crashed = temporaryFolder()
    const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
    await store.create(secretCommand('c1'))
    mkdirSync(join(crashed.path, 'journal'))
    cpSync(join(folder.path, 'journal', 'intents.jsonl'), join(crashed.path, 'journal', 'intents.jsonl'))
    let count = 1
    // So that there is always one that the store does not have yet.
    const begun: Promise<unknown>[] = []
    const storm = setInterval(() => begun.push(store.create(newCommand(`other-${++count}`))), 1)
    await until('the secret is gone', () => !kept(folder.path).includes(secret))
    clearInterval(storm)
    await Promise.all(begun)
    await store.close()

    const next = new LmdbJournal(new LmdbFolder(crashed.path, silent))
    expect(await next.order('c1')).toMatchObject({ env: { TOKEN: secret } })
    await until('the files are empty', () => kept(crashed.path) === '')
    await next.close()
  })
})
