import { afterAll, beforeAll, expect, test } from 'vitest'
import { table } from '../../../src/cli/output/table.js'
import { isPrintable } from '../../../src/shared/printable.js'
import { jsonLines, ogent } from '../../support/ogent.js'
import { type System, startSystem } from '../../support/system.js'

/** An agent and a command whose words would retitle the terminal, clear it and fake a row of the list. */
const LABEL = 'prod\u001b]0;owned\u0007\nweb-9  connected'
const REASON = 'echo \u009b2J\u202e\u001b[1A'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: { AGENT_LABELS: { env: LABEL } } })
  await ogent(system, ['run', '--id', 'steering', 'agent-1', '--', `: '${REASON}'`])
})
afterAll(() => system[Symbol.asyncDispose]())

const isQuiet = (text: string) => text.split('\n').every(isPrintable)

test('a table has one line a row and no escape sequence, for any content of its cells', () => {
  const text = table([
    ['A', 'B'],
    [LABEL, '\u009b2J'],
  ])
  expect(isQuiet(text)).toBe(true)
  expect(text.split('\n')).toHaveLength(3)
})

test.each([
  [['agents']],
  [['agents', '--json']],
  [['history']],
  [['history', '--json']],
  [['show', 'steering']],
  [['show', 'steering', '--json']],
  [['follow', 'steering', '--json']],
  [['analyze', '--json', '--', REASON]],
])('ogent prints no escape sequence with %j', async (args) => {
  const { code, stdout, stderr } = await ogent(system, args)
  expect({ code, quiet: isQuiet(stdout), stderr }).toEqual({ code: 0, quiet: true, stderr: '' })
  expect(stdout).not.toBe('')
})

test('ogent agents shows one row for an agent when a label has a newline', async () => {
  const { stdout } = await ogent(system, ['agents'])
  expect(stdout.trimEnd().split('\n')).toHaveLength(2)
})

test('--json prints the text of a command unchanged, in JSON escapes', async () => {
  const { stdout } = await ogent(system, ['show', 'steering', '--json'])
  expect(jsonLines(stdout)).toMatchObject([{ command: `: '${REASON}'` }])
})
