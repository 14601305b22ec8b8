import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Witness } from '../../../src/agent/host/witness.js'
import { chainOf, checkpointAt } from '../../support/audit.js'
import { temporaryFolder } from '../../support/folder.js'

const { records, key } = chainOf(40)
const at = (seq: number) => checkpointAt(records, seq, key)

test('a witness keeps the last 32 checkpoints, also over a restart of its agent', () => {
  using folder = temporaryFolder()
  const witness = new Witness(folder.path)
  for (let seq = 1; seq <= 40; seq++) witness.note(at(seq))
  witness.note(undefined)
  witness.close()
  const kept = new Witness(folder.path).checkpoints
  expect(kept.map(({ seq }) => seq)).toEqual(Array.from({ length: 32 }, (_, index) => index + 9))
  expect(kept[0]).toEqual(at(9))
})

test('a witness keeps one checkpoint of the same once, and both of two that differ', () => {
  using folder = temporaryFolder()
  const witness = new Witness(folder.path)
  witness.note(at(3))
  witness.note(at(3))
  witness.note({ ...at(3), hash: '1'.repeat(64) })
  expect(witness.checkpoints).toHaveLength(2)
})

test('a witness passes over lines of its file that are no checkpoints', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'checkpoints.jsonl')
  writeFileSync(file, `${JSON.stringify(at(1))}\nnonsense\n{"seq":1}\n${JSON.stringify(at(2)).slice(0, 40)}`)
  const witness = new Witness(folder.path)
  expect(witness.checkpoints).toEqual([at(1)])
  witness.note(at(5))
  witness.close()
  expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(2)
})
