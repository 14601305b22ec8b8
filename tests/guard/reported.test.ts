import { expect, test } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'
import { reported } from './cases/reported.js'

const guard = await createGuard()

/** How many hold today. A mend raises it; the aim is all. */
const hold = 464

test('the verdicts on what others found wrong do not get worse', () => {
  const right = reported.filter(
    ([level, command]) => guard.analyze(command).validation.risk_level === level,
  ).length
  console.log(`guard, reported cases: ${right} of ${reported.length} hold`)
  expect(right).toBeGreaterThanOrEqual(hold)
})
