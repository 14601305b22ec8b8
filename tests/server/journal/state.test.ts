import { expect, test } from 'vitest'
import { applyDrafts, endedForGood, newState } from '../../../src/server/journal/state.js'
import { newCommand, output, result } from '../../suites/journal-suite.js'

const started = {
  type: 'command_progress',
  command_id: 'c1',
  state: 'started',
  execution_type: 'local',
  target: 'a1',
  timestamp: new Date(Date.UTC(2026, 0, 1)).toISOString(),
} as const

test('a start that arrives late after a lost end prevents neither the output nor the true end', () => {
  const given = applyDrafts(newState(newCommand('c1')), [{ event: result('c1', 'lost'), unlessEnded: true }])
  const late = applyDrafts(given.state, [{ report: 1, event: started }])
  expect(late.state.record).toMatchObject({ status: 'lost', started_at: started.timestamp, target: 'a1' })
  expect(endedForGood(late.state)).toBe(false)
  const more = applyDrafts(late.state, [
    { report: 2, event: output('c1', 0, Buffer.from('x')) },
    { report: 3, event: result('c1', 'success') },
  ])
  expect(more.entries.map(({ report }) => report)).toEqual([2, 3])
  expect(more.state).toMatchObject({ result_seq: 5, record: { status: 'success', exit_code: 0 } })
})
