const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** The controller's clock may be ahead of ours by so much, in seconds, and its times are still just now. */
const SKEW = 60

/** A time as RFC 3339 has it, as it is for programs, and by how long ago it was on a terminal. */
export function shownTime(time: string, now = Date.now()): string {
  return process.stdout.isTTY ? timeAgo(time, now) : time
}

/** Such as `42 s ago`, `3 min ago`, `5 h ago`, `2 days ago`; the day itself where that is longer than a month ago. */
export function timeAgo(time: string, now: number): string {
  const ms = Date.parse(time)
  const seconds = Math.floor((now - ms) / 1000)
  // A text that is no time is shown as it is.
  if (Number.isNaN(seconds) || seconds < -SKEW) return time
  if (seconds < 10) return 'just now'
  if (seconds < MINUTE) return `${seconds} s ago`
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`
  const days = Math.floor(seconds / DAY)
  if (days <= 30) return days === 1 ? '1 day ago' : `${days} days ago`
  const at = new Date(ms)
  const [month, day] = [at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0'))
  return `${at.getFullYear()}-${month}-${day}`
}
