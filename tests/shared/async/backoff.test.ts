import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Backoff } from '../../../src/shared/async/backoff.js'

const LONGEST_MS = 60_000
/** What an attempt takes, in ms, whether it works or not. */
const ATTEMPT_MS = 20

type Outage = { from: number; to: number }

/** Outages one after another, from how long the peer is there before each and how long it then is not, in ms. */
function outagesOf(phases: { up: number; down: number }[]): Outage[] {
  let at = 0
  return phases.map(({ up, down }) => {
    const from = at + up
    at = from + down
    return { from, to: at }
  })
}

/**
 * An agent on a clock of its own through these outages. Gives, for each time that it was without a connection, when
 * that began, when its peer could be reached for good, and when it was back.
 */
function absences(outages: Outage[], random: () => number) {
  let now = 0
  const backoff = new Backoff({ baseMs: 1000, now: () => now, random })
  const reachable = (at: number) => !outages.some(({ from, to }) => at >= from && at < to)
  const found: { lostAt: number; reachableAt: number; backAt: number }[] = []
  for (const { from: lostAt } of outages) {
    // Lost while it was away already: that is the same absence.
    if (lostAt < now) continue
    now = lostAt
    do {
      now += backoff.next(LONGEST_MS) + ATTEMPT_MS
    } while (!reachable(now))
    backoff.connected()
    const last = outages.filter(({ from }) => from <= now).at(-1)
    found.push({ lostAt, reachableAt: last?.to ?? lostAt, backAt: now })
  }
  return found
}

function expectLaw(outages: Outage[], random: () => number): void {
  for (const { lostAt, reachableAt, backAt } of absences(outages, random)) {
    expect(backAt - reachableAt).toBeLessThanOrEqual((reachableAt - lostAt) / 2 + 1000)
  }
}

const fourCuts = [...Array(4).fill({ up: 300, down: 700 }), { up: 300, down: 3000 }]

describe('a connection that was lost', () => {
  test('is back within half of the outage plus one second, for any history', () => {
    const phase = fc.record({
      up: fc.integer({ min: 1, max: 5000 }),
      down: fc.integer({ min: 1, max: 120_000 }),
    })
    const dice = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(fc.array(phase, { minLength: 1, maxLength: 12 }), dice, (phases, rolls) => {
        let at = 0
        expectLaw(outagesOf(phases), () => rolls[at++ % rolls.length] ?? 0)
      }),
      { numRuns: 500 },
    )
  })

  test.each([0, 0.1, 0.5, 0.999])(
    'is back in time after four short cuts and a long one, with a random number of %d',
    (roll) => {
      expectLaw(outagesOf(fourCuts), () => roll)
    },
  )

  test('waits no longer than the limit that it gets', () => {
    let now = 0
    const backoff = new Backoff({ baseMs: 1000, now: () => now, random: () => 0.999 })
    backoff.next(LONGEST_MS)
    now = 3_600_000
    expect(backoff.next(LONGEST_MS)).toBeLessThanOrEqual(LONGEST_MS)
    expect(backoff.next(500)).toBeLessThanOrEqual(500)
  })

  test('comes back with others spread over the time that it has', () => {
    const outages = [{ from: 0, to: 10_000 }]
    const seconds = new Map<number, number>()
    for (let agent = 0; agent < 2000; agent++) {
      const [absence] = absences(outages, Math.random)
      const second = Math.floor(((absence?.backAt ?? 0) - 10_000) / 1000)
      seconds.set(second, (seconds.get(second) ?? 0) + 1)
    }
    expect(Math.max(...seconds.values())).toBeLessThan(1200)
    expect(seconds.size).toBeGreaterThan(3)
  })
})
