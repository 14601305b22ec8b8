import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { type Board, linesOf } from '../../../src/cli/top/board.js'
import type { CommandRecord } from '../../../src/shared/commands/record.js'

const now = Date.parse('2026-11-30T12:00:00.000Z')
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString()

function record(command_id: string, of: Partial<CommandRecord>): CommandRecord {
  const made = {
    agent_id: 'web-1',
    status: 'running',
    created_at: ago(60),
    started_at: null,
    requested_by: 'ann',
  }
  // Only what a row shows.
  return { command_id, command: `echo ${command_id}`, ...made, ...of } as CommandRecord
}

const board: Board = {
  heading: 'ogent top · http://c · ann (viewer)',
  agents: [
    { agent_id: 'web-1', status: 'connected' },
    { agent_id: 'web-2', status: 'connected' },
    { agent_id: 'db-1', status: 'disconnected' },
  ],
  commands: [
    record('waits', { status: 'pending', created_at: ago(5) }),
    record('young', { started_at: ago(3) }),
    record('old', { started_at: ago(61), agent_id: 'web-2', command: 'sleep 100 \u001b[31m長い' }),
  ],
  hasMore: false,
}

describe('the screen of ogent top', () => {
  test('shows what runs, the oldest first, and then what waits', () => {
    const lines = linesOf(board, now, { columns: 200, rows: 24 })
    expect(lines).toEqual([
      'ogent top · http://c · ann (viewer)',
      'agents: 2 connected, 1 offline, 2 busy · commands: 2 running, 1 waiting',
      '',
      'AGENT  STATUS   TIME   USER  COMMAND ID  COMMAND',
      expect.stringMatching(/^web-2 {2}running {2}1m 1s {2}ann {3}old {9}sleep 100 .*長い$/),
      'web-1  running  3.0s   ann   young       echo young',
      'web-1  pending  5.0s   ann   waits       echo waits',
    ])
    expect(lines.join('')).not.toContain('\u001b')
  })

  test.each([
    [80, 24],
    [20, 6],
    [200, 5],
    [10, 1],
    [80, 4],
  ])('has no more than %i columns and %i rows, and says how many commands are left out', (columns, rows) => {
    const commands = Array.from({ length: 100 }, (_, at) => record(`c-${at}`, { started_at: ago(at) }))
    const lines = linesOf({ ...board, commands, trouble: 'No answer.' }, now, { columns, rows })
    expect(lines.length).toBeLessThanOrEqual(rows)
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
    if (rows >= 6 && columns >= 20) expect(lines.at(-1)).toMatch(/^… and \d+ more$/)
  })

  test('says so when nothing runs', () => {
    expect(linesOf({ ...board, commands: [] }, now, { columns: 80, rows: 24 }).at(-1)).toBe('Nothing runs.')
  })
})
