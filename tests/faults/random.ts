/** Random numbers that can be had again: the seed is told, and OGENT_SEED brings it back. */
export class Random {
  #state: number

  constructor(readonly seed: number) {
    this.#state = seed >>> 0
  }

  /** A number from 0 to below 1, by mulberry32 (Tommy Ettinger, public domain). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.int(0, items.length - 1)] ?? items[0]
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }
}

/** One source for each scenario: its moments do not depend on which other scenarios ran before it. */
export function randomFor(scenario: string): Random {
  let mixed = seed
  for (const char of scenario) mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x01000193) >>> 0
  return new Random(mixed)
}

export const seed = Number(process.env.OGENT_SEED ?? Math.floor(Math.random() * 2 ** 31))
