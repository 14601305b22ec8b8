import { beforeAll, describe, expect, test } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'
import { shellTexts } from './shell-grammar.js'

const guard = await createGuard()

/** What every look is held against: 2 KiB of the shortest commands, some 10 ms of a free core once it is compiled. */
const plain = 'rm a;'.repeat(2048 / 5)
/**
 * A look takes no more than 50 ms of a core: 5 times the plain list, taken in the same moment. How long a core takes for
 * the same work differs by more than that from one busy machine to the next, and the two of them slow down alike.
 */
const most = 5
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

function look(text: string): void {
  const { validation } = guard.analyze(text)
  expect(validation.safe).toBe(validation.risk_level === 'low')
}

/** How many times the work of the plain list this text is, at the best of a few tries. */
function weight(text: string): number {
  let least = Number.POSITIVE_INFINITY
  for (let done = 0; done < tries && least > most; done++) {
    const ms = cpuMs(() => look(text))
    least = Math.min(least, ms / cpuMs(() => look(plain)))
  }
  return least
}

function heavy(texts: readonly string[]): { times: number; text: string }[] {
  return texts.map((text) => ({ times: weight(text), text })).filter(({ times }) => times > most)
}

function generated(from: number): string[] {
  const next = shellTexts(from)
  return Array.from({ length: cases }, () => next())
}

beforeAll(() => {
  for (let warm = 0; warm < 20; warm++) look(plain)
})

describe('an analysis of 2 KiB made to be slow', () => {
  test('takes no more work than 5 plain lists for texts that once took more', () => {
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
    expect(heavy(texts)).toEqual([])
  })

  test.each([1, 2, 77])('takes no more work than 5 plain lists (seed %i)', { timeout: guardMs }, (fixed) => {
    expect(heavy(generated(fixed))).toEqual([])
  })

  test(`takes no more work than 5 plain lists (OGENT_SEED=${seed})`, { timeout: guardMs }, () => {
    expect(heavy(generated(seed))).toEqual([])
  })
})
