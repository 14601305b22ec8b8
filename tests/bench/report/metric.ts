import type { Peer } from '../peers.js'

/** One line of the table. */
export type Metric = {
  id: string
  /** Number of its work, 1 to 9. */
  work: number
  label: string
  /** Digits after the point. */
  digits: number
  /** Whether ratios to the floor and to the bare relay say something. */
  ratios: boolean
  values: Partial<Record<Peer, number>>
}

export function ratio(metric: Metric, peer: Peer, base: Peer): number | undefined {
  const value = metric.values[peer]
  const against = metric.values[base]
  return value === undefined || against === undefined || against === 0 ? undefined : value / against
}
