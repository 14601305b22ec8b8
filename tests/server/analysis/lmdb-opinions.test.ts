import { expect, test } from 'vitest'
import { LmdbOpinions } from '../../../src/server/analysis/cache.lmdb.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import type { AiProcessing } from '../../../src/shared/analysis/analysis.js'
import { temporaryFolder } from '../../support/folder.js'
import { calm } from '../../support/model.js'
import { silent } from '../../support/system.js'

const opinion = (purpose: string): AiProcessing => ({ ...calm, enrichment: { ...calm.enrichment, purpose } })

test('opinions survive a restart, and the oldest are removed first, except for renewed ones', async () => {
  using folder = temporaryFolder()
  const first = new LmdbFolder(folder.path, silent)
  const before = new LmdbOpinions(first, 3)
  for (const key of ['a', 'b', 'c', 'a']) {
    await before.put(key, opinion(key))
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await first.close()

  const second = new LmdbFolder(folder.path, silent)
  const after = new LmdbOpinions(second, 3)
  expect(await after.get('a')).toEqual(opinion('a'))
  await after.put('d', opinion('d'))
  const kept = await Promise.all(['a', 'b', 'c', 'd'].map((key) => after.get(key)))
  expect(kept.map((one) => one?.enrichment.purpose)).toEqual(['a', undefined, 'c', 'd'])
  expect(await after.get('never')).toBeUndefined()
  await second.close()
})
