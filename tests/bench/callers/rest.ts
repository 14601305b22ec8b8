import { Agent, type IncomingMessage, request } from 'node:http'
import type { Caller, Sink } from './caller.js'

type Reply = { status: number; body: IncomingMessage }

/** The part of a reply that is read here. */
type Result = { result: { exit_code: number | null; stdout: string } }

/** A caller through REST on kept connections: `execute` for what is small, the output route for what is not. */
export async function restCaller(place: {
  url: string
  username: string
  password: string
}): Promise<Caller> {
  const http = new Agent({ keepAlive: true })
  const login = await fetch(`${place.url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ username: place.username, password: place.password }),
  })
  const { access_token } = (await login.json()) as { access_token: string }

  const call = (method: string, path: string, body?: object, prefer?: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers = {
        authorization: `Bearer ${access_token}`,
        ...(prefer === undefined ? {} : { prefer }),
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      }
      const sent = request(`${place.url}${path}`, { method, agent: http, headers }, (reply) =>
        resolve({ status: reply.statusCode ?? 0, body: reply }),
      )
      sent.once('error', reject)
      sent.end(text)
    })
  const start = async (agent: string, command: string): Promise<string> => {
    const reply = await call('POST', `/agents/${agent}/execute`, { command }, 'respond-async')
    return (await jsonOf<{ command_id: string }>(reply, 202)).command_id
  }

  return {
    async run(agent, command, sink, live) {
      if (!live) {
        const reply = await call('POST', `/agents/${agent}/execute`, { command })
        const { result } = await jsonOf<Result>(reply, 200)
        if (result.stdout !== '') sink(Buffer.from(result.stdout))
        return result.exit_code
      }
      const id = await start(agent, command)
      await drain(await call('GET', `/commands/${id}/output`), sink)
      const { result } = await jsonOf<Result>(await call('GET', `/commands/${id}`), 200)
      return result.exit_code
    },
    start,
    follow(id, sink) {
      // Its headers come with the first byte; who joins late gets every byte all the same.
      const reply = call('GET', `/commands/${id}/output`)
      return { joined: Promise.resolve(), ended: reply.then((answer) => drain(answer, sink)) }
    },
    close: async () => http.destroy(),
  }
}

async function jsonOf<T>(reply: Reply, expected: number): Promise<T> {
  const chunks: Buffer[] = []
  for await (const chunk of reply.body) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  if (reply.status !== expected) throw new Error(`REST answered ${reply.status}: ${text.slice(0, 200)}`)
  // The shape is the contract's; the tests hold it.
  return JSON.parse(text) as T
}

async function drain(reply: Reply, sink: Sink): Promise<void> {
  if (reply.status !== 200) throw new Error(`REST answered ${reply.status}.`)
  for await (const chunk of reply.body) sink(chunk)
}
