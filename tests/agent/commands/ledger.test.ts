import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileLedger } from '../../../src/agent/commands/ledger.js'
import { markOf } from '../../../src/host/process-mark.js'
import { temporaryFolder } from '../../support/folder.js'
import { repository } from '../../support/samples.js'

const WRITER = `${repository}tests/agent/commands/ledger-writer.mjs`
const DAY_MS = 24 * 3600 * 1000

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

const fileIn = (path: string) => join(path, 'commands.jsonl')

/** What is known of a command, as an agent can ask for it. */
type State = 'unknown' | 'accepted' | 'started' | 'settled'

function stateOf(ledger: FileLedger, command_id: string): State {
  if (!ledger.has(command_id)) return 'unknown'
  const unfinished = ledger.unfinished().find((one) => one.command_id === command_id)
  if (!unfinished) return 'settled'
  return unfinished.process ? 'started' : 'accepted'
}

/** As the next agent in this folder finds it. */
function stateAfterwards(path: string, command_id: string): State {
  const ledger = FileLedger.open(path)
  try {
    return stateOf(ledger, command_id)
  } finally {
    ledger.close()
  }
}

const steps = {
  accept: (ledger: FileLedger) => ledger.accept('c'),
  start: (ledger: FileLedger) => ledger.started('c', process.pid),
  settle: (ledger: FileLedger) => ledger.settled('c'),
}
type Step = keyof typeof steps

/** How a command comes into each state. */
const ways: Record<State, Step[]> = {
  unknown: [],
  accepted: ['accept'],
  started: ['accept', 'start'],
  settled: ['accept', 'start', 'settle'],
}

function ledgerWith(state: State): FileLedger {
  const ledger = FileLedger.open(folder.path)
  for (const step of ways[state]) steps[step](ledger)
  return ledger
}

describe('a command in the ledger', () => {
  test.each<[State, Step, State]>([
    ['unknown', 'accept', 'accepted'],
    ['unknown', 'start', 'unknown'],
    ['unknown', 'settle', 'unknown'],
    ['accepted', 'start', 'started'],
    ['accepted', 'settle', 'settled'],
    ['started', 'start', 'started'],
    ['started', 'settle', 'settled'],
    ['settled', 'start', 'settled'],
    ['settled', 'settle', 'settled'],
  ])('that is %s, after the step %s, is %s, for the next agent too', (from, step, to) => {
    const ledger = ledgerWith(from)
    expect(stateOf(ledger, 'c')).toBe(from)
    steps[step](ledger)
    expect(stateOf(ledger, 'c')).toBe(to)
    ledger.close()
    expect(stateAfterwards(folder.path, 'c')).toBe(to)
  })

  test.each<State>(['accepted', 'started', 'settled'])(
    'that is %s stays so when it is accepted again, which throws',
    (state) => {
      const ledger = ledgerWith(state)
      expect(() => ledger.accept('c')).toThrow('The command c is in the ledger already.')
      expect(stateOf(ledger, 'c')).toBe(state)
      ledger.close()
      expect(stateAfterwards(folder.path, 'c')).toBe(state)
    },
  )

  test('keeps the process mark of its first start when it is started again', () => {
    const ledger = ledgerWith('started')
    ledger.started('c', process.ppid)
    expect(ledger.unfinished()).toEqual([{ command_id: 'c', process: markOf(process.pid) }])
    ledger.close()
  })

  test('stays accepted when its process has ended before the start is recorded', async () => {
    const child = spawn('true')
    await once(child, 'exit')
    const ledger = ledgerWith('accepted')
    ledger.started('c', child.pid ?? 0)
    expect(stateOf(ledger, 'c')).toBe('accepted')
    ledger.close()
  })

  test.each<[State, number, State]>([
    ['settled', 7.9, 'settled'],
    ['settled', 8.1, 'unknown'],
    ['accepted', 1000, 'accepted'],
    ['started', 1000, 'started'],
  ])('that is %s is, %d days later, %s', (state, days, then) => {
    ledgerWith(state).close()
    const later = FileLedger.open(folder.path, Date.now() + days * DAY_MS)
    expect(stateOf(later, 'c')).toBe(then)
    later.close()
    // Forgotten in the file too, which would grow for ever otherwise.
    expect(readFileSync(fileIn(folder.path), 'utf8').includes('"c"')).toBe(then !== 'unknown')
  })
})

describe('a closed ledger', () => {
  test.each<State>(['unknown', 'accepted', 'started', 'settled'])(
    'still knows a command that is %s, and writes nothing more about it',
    (state) => {
      const ledger = ledgerWith(state)
      ledger.close()
      ledger.close()
      expect(stateOf(ledger, 'c')).toBe(state)
      ledger.settled('c')
      expect(stateAfterwards(folder.path, 'c')).toBe(state)
    },
  )

  test('accepts no command', () => {
    const ledger = ledgerWith('unknown')
    ledger.close()
    expect(() => ledger.accept('c')).toThrow('The ledger is closed.')
    expect(ledger.has('c')).toBe(false)
  })
})

describe('the file of a ledger', () => {
  test('holds every command whose line is complete when it is cut at any byte', () => {
    const ledger = ledgerWith('settled')
    for (const id of ['one', 'two']) ledger.accept(id)
    ledger.started('two', process.pid)
    ledger.close()
    const whole = readFileSync(fileIn(folder.path))
    for (let end = 0; end <= whole.length; end++) {
      const path = mkdtempSync(join(folder.path, 'cut-'))
      writeFileSync(fileIn(path), whole.subarray(0, end))
      const cut = FileLedger.open(path)
      const lines = whole.subarray(0, end).toString()
      for (const id of ['c', 'one', 'two']) {
        expect(cut.has(id), `${id} in ${lines}`).toBe(
          new RegExp(`{"accepted":"${id}","at":\\d+}`).test(lines),
        )
      }
      // What comes after the cut line is whole again.
      cut.accept('next')
      cut.close()
      expect(stateAfterwards(path, 'next')).toBe('accepted')
    }
  })

  test('is read to its end when a full disk cut a line or some lines are not records', () => {
    const lines = [
      '{"accepted":"a","at":1}',
      '{"accep',
      'null',
      '42',
      '[]',
      '{}',
      '\0\0\0',
      '{"started":"b","process":{"pgid":1,"started":"1","boot":"b"}}',
      '{"settled":"b","at":3}',
      '{"accepted":"b","at":2}',
    ]
    writeFileSync(fileIn(folder.path), lines.join('\n'))
    const ledger = FileLedger.open(folder.path)
    expect(ledger.unfinished()).toEqual([
      { command_id: 'a', process: undefined },
      { command_id: 'b', process: undefined },
    ])
    ledger.close()
  })

  test('has every id whose acceptance was reported when the agent is killed while it writes', async () => {
    const child = spawn(process.execPath, [WRITER, folder.path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const said: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line)
      if (said.length === 500) child.kill('SIGKILL')
    }
    expect(said.length).toBeGreaterThanOrEqual(500)
    const ledger = FileLedger.open(folder.path)
    expect(said.filter((id) => !ledger.has(id))).toEqual([])
    ledger.close()
  })

  test('has no id whose acceptance failed when the disk is full, not even from a line that was cut short', async () => {
    // A file that may not grow any more is as good as a full disk: the last write is cut, the next one fails.
    const child = spawn('bash', ['-c', 'ulimit -f 1; exec "$0" "$@"', process.execPath, WRITER, folder.path])
    const said = (await text(child.stdout)).trim().split('\n')
    expect(said.pop()).toBe('EFBIG')
    const written = readFileSync(fileIn(folder.path), 'utf8')
    expect(written).toHaveLength(1024)
    const ledger = FileLedger.open(folder.path)
    expect(ledger.unfinished().map(({ command_id }) => command_id)).toEqual(said)
    // The last line is cut, or this proves nothing.
    expect(written.endsWith('}')).toBe(false)
    ledger.close()
  })

  test('is unchanged when there is no room to rewrite it', () => {
    ledgerWith('started').close()
    const before = readFileSync(fileIn(folder.path), 'utf8')
    const fresh = `${fileIn(folder.path)}.new`
    symlinkSync('/dev/full', fresh)
    expect(() => FileLedger.open(folder.path)).toThrow('ENOSPC')
    expect(readFileSync(fileIn(folder.path), 'utf8')).toBe(before)
    unlinkSync(fresh)
    expect(stateAfterwards(folder.path, 'c')).toBe('started')
  })

  test('is not taken for an empty ledger when it cannot be read', () => {
    mkdirSync(fileIn(folder.path))
    expect(() => FileLedger.open(folder.path)).toThrow('EISDIR')
  })
})
