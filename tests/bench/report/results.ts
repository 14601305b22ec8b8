import type { Peer } from '../peers.js'
import type { Machine } from './machine.js'
import type { Metric } from './metric.js'
import type { Verdict } from './targets.js'

/** A whole run, as `tests/bench/results/last.json` holds it. */
export type Results = {
  date: string
  seconds: number
  /** Seconds of each part of the run. */
  times: [string, number][]
  kind: 'full' | 'quick' | 'part'
  machine: Machine
  peers: Peer[]
  metrics: Metric[]
  targets: Verdict[]
  notes: string[]
}
