import { expect, test } from 'vitest'
import { LmdbFolder } from '../../../src/server/adapters/lmdb-folder.js'
import { LmdbJournal } from '../../../src/server/adapters/lmdb-journal.js'
import { journalSuite, newCommand, output, type StoreUnderTest } from '../../suites/journal-suite.js'
import { temporaryFolder } from '../../support/folder.js'
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
