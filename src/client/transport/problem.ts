/** What a reply of REST says is wrong, as far as it can be read: a proxy in between may have written it. */
export type ProblemFields = {
  code?: unknown
  /** What is wrong, as a sentence. */
  sentence?: string
  /** When to try again, in seconds, where the controller knows. */
  retry_after_seconds?: number
}

export function problemFields(text: string): ProblemFields {
  try {
    const problem: unknown = JSON.parse(text)
    if (typeof problem !== 'object' || problem === null) return {}
    const { code, detail, summary, retry_after_seconds: wait } = problem as Record<string, unknown>
    // Of a 422, the detail is a list, and the summary its sentence.
    const sentence = [summary, detail].find((part) => typeof part === 'string')
    return {
      code,
      ...(typeof sentence === 'string' ? { sentence } : {}),
      ...(typeof wait === 'number' ? { retry_after_seconds: wait } : {}),
    }
  } catch {
    return {}
  }
}
