import { describe, expect, test } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'
import { reported } from './cases/reported.js'

const guard = await createGuard()
const levelOf = (command: string) => guard.analyze(command).validation.risk_level

/** Those that do not hold, each with the level that it gets and the reason. One that holds has to leave this list. */
const notYet: readonly (readonly [command: string, level: 'low' | 'medium' | 'high', reason: string])[] = [
  [
    'iptables -w 7 -t filter -v -A INPUT -j DROP',
    'high',
    'the same as `iptables -A INPUT -j DROP`, which is high: it ends every connection, the one it came by too',
  ],
  [
    'systemctl enable --now till-sync',
    'low',
    'the same as `systemctl enable --now nginx`, which is low: it starts a service and stops none',
  ],
]
const later = new Set(notYet.map(([command]) => command))

describe('a command that other guards are reported to get wrong', () => {
  test.each(reported.filter(([, command]) => !later.has(command)))('is called %s: %s', (level, command) => {
    expect(levelOf(command)).toBe(level)
  })

  test.each(notYet)('is not judged right yet: %s is called %s, since it is %s', (command, level) => {
    const right = reported.find(([, text]) => text === command)?.[0]
    expect(right, 'it is one of the cases').toBeDefined()
    expect(right, 'it holds: take it off the list').not.toBe(level)
    expect(levelOf(command)).toBe(level)
  })
})
