/** What every process of the bench's own has in common: it tells when it is ready, and goes with its parent. */

process.once('disconnect', () => process.exit(0))
process.once('SIGTERM', () => process.exit(0))

/** Tells the parent that this role is up, and what it should know of it. */
export function ready(facts: Record<string, string> = {}): void {
  process.send?.({ ready: facts })
}

/** What the parent gave this role on its command line, as one JSON value. */
export function given<T>(): T {
  // The parent is this bench itself, compiled together with the role.
  return JSON.parse(process.argv[2] ?? '{}') as T
}
