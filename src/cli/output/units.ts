import prettyBytes from 'pretty-bytes'
import prettyMilliseconds from 'pretty-ms'

const MINUTE_MS = 60_000

/** A number of bytes as people read it, such as 1.23 MB. */
export function bytesForPeople(bytes: number): string {
  return prettyBytes(bytes)
}

/** A duration as people read it, such as 3ms, 1.5s, 1m 1s or 1h 2m. */
export function durationForPeople(ms: number): string {
  return prettyMilliseconds(ms, {
    // A clock that runs on beside them must not change its width with each second.
    keepDecimalsOnWholeSeconds: ms < MINUTE_MS,
    secondsDecimalDigits: ms < MINUTE_MS ? 1 : 0,
    unitCount: 2,
  })
}
