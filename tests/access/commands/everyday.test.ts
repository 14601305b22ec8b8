import { describe, expect, test } from 'vitest'
import { everydayLines } from './everyday.js'
import { answerer } from './granting.js'

const groups = Object.entries(everydayLines)

test('there are 200 lines at least', () => {
  expect(new Set(groups.flatMap(([, { lines }]) => lines)).size).toBeGreaterThanOrEqual(200)
})

describe('a line of every day is allowed by the grant that is written for it', () => {
  test.each(groups)('%s', (_, { grant, lines }) => {
    const answer = answerer(grant)
    expect(lines.map((line) => [line, answer(line)])).toEqual(lines.map((line) => [line, 'allow']))
  })
})

test('no line of one group is allowed by a grant that was written for others', () => {
  const answer = answerer({
    commands: [{ argv: ['reboot'] }],
    operators: ['|', '&&', '||', ';'],
    redirects: 'any',
  })
  expect(groups.flatMap(([, { lines }]) => lines).filter((line) => answer(line) === 'allow')).toEqual([])
})
