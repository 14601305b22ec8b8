import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RefusalLog } from '../../../src/server/access/refusal-log.js'

type Line = { fields: object; sentence: string }

let lines: Line[]
let refusals: RefusalLog
beforeEach(() => {
  vi.useFakeTimers()
  lines = []
  const warn = (fields: object, sentence: string) => void lines.push({ fields, sentence })
  refusals = new RefusalLog({ debug() {}, info() {}, warn, error() {} })
})
afterEach(() => {
  vi.useRealTimers()
})

const why = 'wrong name or password'

test('the log shows refused logins of one address at once, then one line a minute with their count', () => {
  for (let at = 0; at < 5000; at++) refusals.refused({ username: `name-${at}`, address: '10.0.0.1', why })
  refusals.refused({ username: 'other', address: '10.0.0.2', why })
  expect(lines).toEqual([
    { fields: { username: 'name-0', address: '10.0.0.1', why }, sentence: 'login refused' },
    { fields: { username: 'other', address: '10.0.0.2', why }, sentence: 'login refused' },
  ])
  vi.advanceTimersByTime(60_000)
  expect(lines.slice(2)).toEqual([
    { fields: { username: 'name-4999', address: '10.0.0.1', why, count: 4999 }, sentence: 'logins refused' },
  ])
  // Quiet again: the next one is told at once.
  vi.advanceTimersByTime(60_000)
  refusals.refused({ username: 'later', address: '10.0.0.1', why })
  expect(lines).toHaveLength(4)
})

test('the log cuts a refused name when it is long', () => {
  refusals.refused({ username: '\u0007'.repeat(256), address: '10.0.0.1', why })
  expect(lines[0]?.fields).toMatchObject({ username: '\u0007'.repeat(64) })
})

test('the log has one line for the refused logins of very many addresses', () => {
  for (let at = 0; at < 5000; at++) refusals.refused({ username: 'x', address: `10.0.${at >> 8}.${at}`, why })
  expect(lines.length).toBe(1001)
  vi.advanceTimersByTime(60_000)
  expect(lines.length).toBe(1002)
  expect(lines[1001]?.fields).toMatchObject({ address: 'others', count: 3999 })
})
