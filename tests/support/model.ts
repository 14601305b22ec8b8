import { createServer, type IncomingHttpHeaders } from 'node:http'
import { json } from 'node:stream/consumers'
import type { AiProcessing } from '../../src/shared/analysis/analysis.js'

/** What a client asked of the model, as it came by HTTP. */
export type Asked = {
  headers: IncomingHttpHeaders
  /** Of the guard's questions, which; undefined where no schema was asked for. */
  part: keyof AiProcessing | undefined
  text: string
  model: string
  tools: unknown
}

/**
 * An answer: an object is sent as the model's JSON, a text as its words; or tools that it wants called, or an error, or
 * nothing for a while.
 */
export type Answer =
  | { says: unknown }
  | { calls: { name: string; arguments: string }[] }
  | { status: number; body?: string }
  | { silentMs: number }

/** What a model might say that has nothing to add. */
export const calm: AiProcessing = {
  validation: { safe: true, risk_level: 'low', risks: [], suggestions: [] },
  optimization: { optimized_command: '', improvements: [], explanation: '' },
  enrichment: { purpose: '', components: [], side_effects: [], prerequisites: [], related_commands: [] },
}

/** A server that speaks the chat-completions protocol over real HTTP; `await using` ends it. */
export async function startModel(answer: (asked: Asked, count: number) => Answer = says({})) {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    // The shape of the protocol; what is missing makes the test fail where it is read.
    const body = (await json(request)) as {
      model: string
      messages: { content: string }[]
      response_format?: { json_schema: { name: keyof AiProcessing } }
      tools?: unknown
    }
    const one: Asked = {
      headers: request.headers,
      part: body.response_format?.json_schema.name,
      text: JSON.stringify(body.messages),
      model: body.model,
      tools: body.tools,
    }
    asked.push(one)
    const given = answer(one, asked.filter(({ part }) => part === one.part).length)
    if ('silentMs' in given) {
      const timer = setTimeout(() => response.destroy(), given.silentMs)
      response.once('close', () => clearTimeout(timer))
      return
    }
    response.setHeader('content-type', 'application/json')
    if ('status' in given) {
      response.writeHead(given.status).end(given.body ?? '{"error":{"message":"no"}}')
      return
    }
    const message = messageOf(given)
    const choices = [
      { index: 0, message, finish_reason: message.tool_calls ? 'tool_calls' : 'stop', logprobs: null },
    ]
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    const reply = { id: 'c-1', object: 'chat.completion', created: 1, model: body.model, choices, usage }
    response.end(JSON.stringify(reply))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The model listens on no port.')
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Answers with these parts, and calmly where there is none. */
export function says(parts: Partial<AiProcessing>): (asked: Asked) => Answer {
  return ({ part }) => ({ says: part === undefined ? 'Nothing to say.' : (parts[part] ?? calm[part]) })
}

function messageOf(given: Extract<Answer, { says: unknown } | { calls: unknown }>) {
  const base = { role: 'assistant', refusal: null }
  if ('says' in given) {
    const content = typeof given.says === 'string' ? given.says : JSON.stringify(given.says)
    return { ...base, content, tool_calls: undefined }
  }
  const tool_calls = given.calls.map((call, at) => ({ id: `call-${at}`, type: 'function', function: call }))
  return { ...base, content: null, tool_calls }
}
