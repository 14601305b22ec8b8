/** What a reply of REST says is wrong, as far as it can be read: a proxy in between may have written it. */
export type ProblemFields = {
  code?: unknown
  detail?: unknown
  /** When to try again, in seconds, where the controller knows. */
  retry_after_seconds?: number
}

export function problemFields(text: string): ProblemFields {
  try {
    const problem: unknown = JSON.parse(text)
    if (typeof problem !== 'object' || problem === null) return {}
    const { code, detail, retry_after_seconds: wait } = problem as Record<string, unknown>
    return { code, detail, ...(typeof wait === 'number' ? { retry_after_seconds: wait } : {}) }
  } catch {
    return {}
  }
}
