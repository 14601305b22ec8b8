import { appendFile } from 'node:fs/promises'
import { type Deliver, SinkQueue } from './sink-queue.js'

/** A queue for each sink of AUDIT_SINKS, by its kind, with a number from the second of a kind on. */
export function openSinks(sinks: readonly string[]): SinkQueue[] {
  const seen = new Map<string, number>()
  return sinks.map((sink) => {
    const [kind, deliver] = deliveryTo(sink)
    const count = (seen.get(kind) ?? 0) + 1
    seen.set(kind, count)
    return new SinkQueue(count === 1 ? kind : `${kind}-${count}`, deliver)
  })
}

function deliveryTo(sink: string): [kind: string, deliver: Deliver] {
  if (sink === 'stdout') return ['stdout', toStdout]
  if (sink.startsWith('file:')) return ['file', toFile(sink.slice('file:'.length).replace(/^\/\/(?=\/)/, ''))]
  return ['webhook', toWebhook(sink)]
}

const toStdout: Deliver = (lines) =>
  new Promise((resolve, reject) => {
    process.stdout.write(textOf(lines), (error) => (error ? reject(error) : resolve()))
  })

/** Opened each time: one that was moved or removed, as by the rotation of logs, is made anew. */
function toFile(path: string): Deliver {
  return (lines) => appendFile(path, textOf(lines), { mode: 0o600 })
}

function toWebhook(url: string): Deliver {
  return async (lines, signal) => {
    const reply = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/jsonl' },
      body: textOf(lines),
      signal,
    })
    await reply.body?.cancel()
    if (!reply.ok) throw new Error(`it answered with ${reply.status}`)
  }
}

function textOf(lines: string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
