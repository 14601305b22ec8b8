/** A quiet reply gets a comment, or a blank, so often, in ms: proxies drop what is silent. */
const QUIET_MS = 15_000

export const QUIET = Symbol('quiet')

/** What comes, or QUIET when that takes long: it may be asked for again. */
export async function orQuiet<T>(next: Promise<T>): Promise<T | typeof QUIET> {
  let timer: NodeJS.Timeout | undefined
  const quiet = new Promise<typeof QUIET>((resolve) => {
    timer = setTimeout(() => resolve(QUIET), QUIET_MS)
  })
  try {
    return await Promise.race([next, quiet])
  } finally {
    clearTimeout(timer)
  }
}
