import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { repository } from './samples.js'

/** What the asciinema player made of a recording. */
export type Played = { duration: number; output: string }

/**
 * Plays a recording from an address in the real player, without its face: its core runs in a worker in browsers, and
 * runs in one here.
 */
export async function play(url: string, headers: Record<string, string>): Promise<Played> {
  const core = pathToFileURL(join(repository, 'node_modules/asciinema-player/dist/worker.js')).href
  const worker = new Worker(inWorker, { eval: true, workerData: { core } })
  try {
    return await new Promise<Played>((resolve, reject) => {
      const played: Played = { duration: 0, output: '' }
      // A short recording may have ended before the answer about its duration comes.
      const due = new Set(['duration', 'ended'])
      const done = (what: string) => {
        due.delete(what)
        if (due.size === 0) resolve(played)
      }
      worker.once('error', reject)
      worker.on('message', ({ id, result, error, params }) => {
        if (error) reject(new Error(JSON.stringify(error)))
        if (id === 'duration') {
          played.duration = result
          done('duration')
        }
        if (params?.name === 'output') played.output += [params.event].flat().join('')
        if (params?.name === 'error') reject(new Error(JSON.stringify(params.event)))
        if (params?.name === 'ready') worker.postMessage({ id: 'duration', method: 'getDuration' })
        if (params?.name === 'ended') done('ended')
      })
      const src = { driver: 'recording', url, fetchOpts: { headers } }
      worker.postMessage({ id: 'new', method: 'new', params: [src, { speed: 100, preload: true }] })
      for (const name of ['output', 'error', 'ready', 'ended']) {
        worker.postMessage({ method: 'addEventListener', params: [name] })
      }
      worker.postMessage({ method: 'terminalReady' })
      worker.postMessage({ id: 'play', method: 'play' })
    })
  } finally {
    await worker.terminate()
  }
}

/** A browser's worker, as far as the core knows one. */
const inWorker = `
const { parentPort, workerData } = require('node:worker_threads')
globalThis.onmessage = null
globalThis.postMessage = (message) => parentPort.postMessage(message)
globalThis.window = globalThis
const loaded = import(workerData.core)
parentPort.on('message', async (data) => {
  await loaded
  await globalThis.onmessage({ data })
})
`
