import { type Peer, peerNames } from './peers.js'
import { TimeLimit } from './process.js'
import type { Metric } from './report/metric.js'
import type { Stage, System } from './systems/system.js'

/** After a turn, what a peer still has to finish (a commit, a collection) must not fall into the next one's. */
const SETTLE_MS = 150

/** One run: the peers that are up, what was measured, and what went wrong. */
export class Bench {
  readonly systems: System[] = []
  readonly metrics: Metric[] = []
  /** Sentences on who was left out where, and why. */
  readonly notes: string[] = []
  /** Seconds of each part of the run. */
  readonly times: [string, number][] = []

  constructor(readonly stage: Stage) {}

  /** Those of these peers that are up. */
  of(peers: readonly Peer[]): System[] {
    return this.systems.filter(({ peer }) => peers.includes(peer))
  }

  /**
   * Every round, each system has its turn: A B C A B C. A system that fails is left out of this work from
   * there on; one that does not answer any more, of the rest of the run.
   */
  async inTurn<T>(
    what: string,
    systems: System[],
    rounds: number,
    act: (system: System, round: number) => Promise<T>,
  ): Promise<Map<Peer, T[]>> {
    const results = new Map<Peer, T[]>()
    const failed = new Set<Peer>()
    for (let round = 0; round < rounds; round++) {
      for (const system of systems) {
        const { peer } = system
        if (failed.has(peer)) continue
        this.say(`${what}, round ${round + 1} of ${rounds}: ${peerNames[peer]}`)
        try {
          const result = await act(system, round)
          results.set(peer, [...(results.get(peer) ?? []), result])
        } catch (error) {
          failed.add(peer)
          results.delete(peer)
          this.note(`${what}: ${peerNames[peer]} failed: ${messageOf(error)}`)
          if (error instanceof TimeLimit) this.systems.splice(this.systems.indexOf(system), 1)
        }
        await sleep(SETTLE_MS)
      }
    }
    return results
  }

  /** Adds a metric whose value is made from each peer's results. */
  add<T>(
    metric: Omit<Metric, 'values'>,
    results: Map<Peer, T[]>,
    pick: (results: T[]) => number | undefined,
  ): void {
    const values: Metric['values'] = {}
    for (const [peer, list] of results) {
      const value = pick(list)
      if (value !== undefined && Number.isFinite(value)) values[peer] = value
    }
    this.metrics.push({ ...metric, values })
  }

  async timed(what: string, act: () => Promise<void>): Promise<void> {
    const began = performance.now()
    await act()
    this.times.push([what, Math.round((performance.now() - began) / 1000)])
  }

  note(sentence: string): void {
    this.notes.push(sentence)
  }

  /** Tells on a terminal what is going on. */
  say(what: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${what}`)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
