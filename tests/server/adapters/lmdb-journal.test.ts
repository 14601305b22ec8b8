import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LmdbFolder } from '../../../src/server/adapters/lmdb-folder.js'
import { LmdbJournal } from '../../../src/server/adapters/lmdb-journal.js'
import { journalSuite, newCommand, output, type StoreUnderTest } from '../../suites/journal-suite.js'
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

test('a store that is closed refuses to write and says so', async () => {
  using folder = temporaryFolder()
  const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
  await (await store.create(newCommand('c1'))).committed
  await store.close()
  const appended = await store.append('c1', [{ report: 1, event: output('c1', 0, Buffer.from('x')) }])
  await expect(appended?.committed).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a command whose commit a crash cut off is there at the next start, and its order with it', async () => {
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
  expect(await next.head('c1')).toEqual(made.head)
  const open: string[] = []
  for await (const { record } of next.open()) open.push(record.command_id)
  expect(open).toEqual(['c1'])
  await next.close()
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

  test('leave the plain files a moment after the store has the command', async () => {
    using folder = temporaryFolder()
    const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
    await store.create(secretCommand('c1'))
    expect(kept(folder.path)).toContain(secret)
    await until('the files are empty', () => kept(folder.path) === '', 5000)
    await store.close()
  })

  test('leave them while other commands come without a pause, and at a start after a crash', async () => {
    using folder = temporaryFolder()
    using crashed = temporaryFolder()
    const store = new LmdbJournal(new LmdbFolder(folder.path, silent))
    await store.create(secretCommand('c1'))
    mkdirSync(join(crashed.path, 'journal'))
    cpSync(join(folder.path, 'journal', 'intents.jsonl'), join(crashed.path, 'journal', 'intents.jsonl'))
    let count = 1
    // So that there is always one that the store does not have yet.
    const storm = setInterval(() => void store.create(newCommand(`other-${++count}`)), 1)
    await until('the secret is gone', () => !kept(folder.path).includes(secret), 10_000)
    clearInterval(storm)
    await store.close()

    const next = new LmdbJournal(new LmdbFolder(crashed.path, silent))
    expect(await next.head('c1')).toMatchObject({ order: { env: { TOKEN: secret } } })
    await until('the files are empty', () => kept(crashed.path) === '', 5000)
    await next.close()
  })
})
