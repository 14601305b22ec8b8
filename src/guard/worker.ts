/** The thread that reads texts that may take long. */
import { parentPort } from 'node:worker_threads'
import { work } from './work.js'

type Question = { id: number; name: keyof typeof work; args: unknown[] }

// The first analysis is slow, and must not use up the time of a question.
for (let warm = 0; warm < 20; warm++)
  work.analyze(`ls -la ${warm} | grep "$x"; sudo rm -rf /tmp/x && sh -c 'echo a'`)

parentPort?.on('message', ({ id, name, args }: Question) => {
  // The caller has checked the names and their arguments.
  const answer = (work[name] as (...given: unknown[]) => unknown)(...args)
  parentPort?.postMessage({ id, answer })
})
parentPort?.postMessage({ ready: true })
