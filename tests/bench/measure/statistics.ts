/** The value below which this part of the samples lies; nearest rank. */
export function percentile(samples: number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))
  return sorted[at] ?? Number.NaN
}

export function median(samples: number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const high = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (low + high) / 2
}
