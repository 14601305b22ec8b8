import { describe, expect, test } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'
import { shellTexts } from './shell-grammar.js'

const guard = await createGuard()

/** CPU time of one look at 2 KiB, in ms. Time of a clock would tell how busy the machine is. */
const most = 50
/** A collection of garbage or a first compilation counts once; what is slow is slow each time. */
const tries = 12
/** `GUARD_FUZZ_CASES=20000 npx vitest run tests/guard/fuzz.test.ts` looks longer, and `npm run soak` does. */
const cases = Number(process.env.GUARD_FUZZ_CASES ?? 100)
/** A guard against a hang alone: some ten times what a busy machine takes. */
const guardMs = Math.max(600_000, cases * 300)
const seed = Number(process.env.OGENT_SEED ?? Math.floor(Math.random() * 2 ** 31))

function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function slowIn(from: number, count: number): { ms: number; text: string }[] {
  const next = shellTexts(from)
  const slow: { ms: number; text: string }[] = []
  for (let done = 0; done < count; done++) {
    const text = next()
    const look = () => {
      const { validation } = guard.analyze(text)
      expect(validation.safe).toBe(validation.risk_level === 'low')
    }
    let ms = cpuMs(look)
    for (let again = 1; again < tries && ms > most; again++) ms = Math.min(ms, cpuMs(look))
    if (ms > most) slow.push({ ms, text })
  }
  return slow
}

describe('a look at 2 KiB made to take long', () => {
  test('takes no more than 50 ms of a core for texts that once took longer', () => {
    const pieces = [
      'find / -exec ',
      '*$(',
      'rm -rf {1..999999}a=$a$a;',
      'find . -execdir xargs ',
      'docker run -v /:/a ',
    ]
    const texts = [
      ...pieces.map((piece) => piece.repeat(2048 / piece.length)),
      // Groups that do not all end.
      `${'{a,'.repeat(330)}${'}'.repeat(10)}`,
      `${'{a,'.repeat(250)}x${'}'.repeat(100)}`,
    ]
    for (const text of texts) {
      const look = () => guard.analyze(text)
      let ms = cpuMs(look)
      for (let again = 1; again < tries && ms > most; again++) ms = Math.min(ms, cpuMs(look))
      expect(ms, text.slice(0, 40)).toBeLessThan(most)
    }
  })

  test.each([1, 2, 77])('takes no more than 50 ms of a core (seed %i)', { timeout: guardMs }, (fixed) => {
    expect(slowIn(fixed, cases)).toEqual([])
  })

  test(`takes no more than 50 ms of a core (OGENT_SEED=${seed})`, { timeout: guardMs }, () => {
    expect(slowIn(seed, cases)).toEqual([])
  })
})
