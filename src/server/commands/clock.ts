/**
 * Milliseconds since 1970 by a clock that never jumps: right when the process starts, and from then on it only
 * counts. Orders expire by it, since a wall clock that is set back would make each of them look late.
 */
export function steadyNow(): number {
  return performance.timeOrigin + performance.now()
}
