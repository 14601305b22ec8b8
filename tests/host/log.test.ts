import { describe, expect, test } from 'vitest'
import { textOf } from '../../src/host/log.js'
import { isPrintable } from '../../src/shared/printable.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'

const line = (fields: object) =>
  JSON.stringify({ level: 30, time: Date.now(), msg: 'it happened', ...fields })

describe('a line of the log for people', () => {
  test('has the time, the role, the level, the sentence and the fields', () => {
    expect(textOf(line({ agent_id: 'web-1', count: 3, why: 'no reason' }), 'agent', false)).toMatch(
      /^\d\d:\d\d:\d\d agent {6}info {4}it happened agent_id=web-1 count=3 why="no reason"\n$/,
    )
    expect(textOf(line({ level: 40 }), 'controller', false)).toMatch(/ controller warning it happened\n$/)
  })

  test('has the message of an error, and its stack when the level is error', () => {
    const err = { type: 'Error', message: 'no room', stack: 'Error: no room\n    at store (a.js:1:2)' }
    expect(textOf(line({ level: 40, err }), 'agent', false)).toMatch(/it happened: no room\n$/)
    expect(textOf(line({ level: 50, err }), 'agent', false)).toMatch(
      /: no room\n {4}at store \(a\.js:1:2\)\n$/,
    )
    expect(textOf(line({ level: 50, err: 'no room' }), 'agent', false)).toMatch(/it happened: no room\n$/)
  })

  test('has no escape sequence from a name, a value or the sentence', () => {
    const steering = 'a\u001b[2J\u009b1A\u202e\nb'
    const text = textOf(
      line({ msg: steering, [steering]: steering, deep: { x: [steering] }, err: steering }),
      'agent',
      false,
    )
    expect(text.trimEnd().split('\n')).toHaveLength(1)
    expect(isPrintable(text.trimEnd())).toBe(true)
  })
})

/** A program of its own that logs one line. */
function logging(wrap: (call: string) => [file: string, args: string[]], format: string, env = {}) {
  const code = `import { openLog } from '${repository}dist/host/log.js';
    openLog({ role: 'agent', level: 'info', format: ${format} }).info({ a: 1 }, 'it happened')`
  const [file, args] = wrap(`"${process.execPath}" --input-type=module -e "${code.replaceAll('\n', ' ')}"`)
  return run(file, args, { env })
}

test('the log is JSON when stderr is not a terminal, and text when it is one or text is requested', async () => {
  const piped = (call: string): [string, string[]] => ['sh', ['-c', call]]
  const terminal = (call: string): [string, string[]] => ['script', ['-qefc', call, '/dev/null']]
  expect(JSON.parse((await logging(piped, 'undefined')).stderr)).toMatchObject({ level: 30, a: 1 })
  expect((await logging(piped, `'text'`)).stderr).toMatch(/^\S+ agent +info +it happened a=1\n$/)
  const env = { TERM: 'xterm' }
  const atTerminal = await logging(terminal, 'undefined', env)
  expect(atTerminal.stdout).toContain('\u001b[90ma=1\u001b[39m')
  const plain = await logging(terminal, 'undefined', { ...env, NO_COLOR: '1' })
  expect(plain.stdout).toMatch(/^\S+ agent +info +it happened a=1\r\n$/)
  expect((await logging(terminal, `'json'`, env)).stdout).toContain('"msg":"it happened"')
})
