import type { FormReply } from './post-form.js'

/** Posts a form, in a browser, which knows by itself whom to trust. */
export async function postForm(
  url: URL,
  fields: Record<string, string>,
  options: { timeoutMs: number },
): Promise<FormReply> {
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(fields),
    signal: AbortSignal.timeout(options.timeoutMs),
  })
  return { status: response.status, body: await response.text() }
}
