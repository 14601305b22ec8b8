import { httpRequest } from '../../client/transport/http.js'

/** What a controller answered, and how its clock is off from ours in ms: above 0 where it is ahead. */
export type Answer = { status: number; text: string; roundTripMs: number; clockMs: number | undefined }

const ANSWER_MS = 10_000

/** One GET of the controller, as it answers programs that speak HTTP alone. Throws as `httpRequest` does. */
export async function askController(
  url: string,
  path: string,
  { token, ca }: { token?: string | undefined; ca?: string | undefined } = {},
): Promise<Answer> {
  const began = Date.now()
  const { status, date, body } = await httpRequest({
    url: new URL(path, url.endsWith('/') ? url : `${url}/`),
    method: 'GET',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(ANSWER_MS),
    ca,
  })
  const answered = Date.now()
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true })
  return {
    status,
    text,
    roundTripMs: answered - began,
    clockMs: date === undefined ? undefined : clockOf(Date.parse(date), began, answered),
  }
}

/** The header has whole seconds: any time in that second, while the answer was on its way, is as good. */
function clockOf(second: number, began: number, answered: number): number | undefined {
  if (Number.isNaN(second)) return undefined
  if (second > answered) return second - answered
  const latest = second + 999
  return latest < began ? latest - began : 0
}
