import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { newId } from '../../src/shared/id.js'
import { until } from '../support/processes.js'
import { AGENT_ID, Plant } from './plant.js'
import { patiently } from './probe.js'
import { long } from './scale.js'
import { report } from './tally.js'

afterAll(report)

const MB = 1e6
const OUTPUT_BYTES = 120 * MB
const LINE = 'some words that a build would print, over and over again'

const LIMIT_MB = 32

describe('subscribers that stop reading', () => {
  const what = 'use no more memory, slow no command, and get every event when they read again'

  test(`one of them: ${what}`, { timeout: 600_000 }, async () => {
    await using plant = await Plant.start()
    const alone = await unwatched(plant)
    const watched = await longOutput(plant, 1, 1)
    const told = JSON.stringify({ stalled: 1, alone, watched })
    process.stdout.write(`${told}\n`)
    // The same work alone moves the heap by up to 40 MB from run to run, and by more on a busy machine, so the limit of
    // 32 MB cannot be told apart from noise by one run. What is held here is that the output, 120 MB of it, does not pile up.
    expect(watched.peakMB - alone.peakMB, told).toBeLessThan((0.8 * OUTPUT_BYTES) / MB)
  })

  // Too much output for every test run; its margin is narrow beside the noise of one run, see above.
  if (!long) return
  test(`a hundred of them: ${what}`, { timeout: 600_000 }, async () => {
    await using plant = await Plant.start()
    const alone = await unwatched(plant)
    const watched = await longOutput(plant, 100, 10)
    const told = JSON.stringify({ stalled: 100, alone, watched })
    process.stdout.write(`${told}\n`)
    expect(watched.peakMB - alone.peakMB, told).toBeLessThan(LIMIT_MB)
  })
})

/** The same work without watchers: the highest of several runs. */
async function unwatched(plant: Plant): Promise<{ peakMB: number; seconds: number }> {
  const runs = []
  for (let run = 0; run < 3; run++) runs.push(await longOutput(plant, 0, 0))
  return {
    peakMB: Math.max(...runs.map((run) => run.peakMB)),
    seconds: Math.max(...runs.map((run) => run.seconds)),
  }
}

/** One long output, beside `count` watchers that read nothing meanwhile; some of them read on afterwards. */
async function longOutput(
  plant: Plant,
  count: number,
  readers: number,
): Promise<{ peakMB: number; seconds: number }> {
  const ogent = plant.client(plant.directUrl)
  const gate = `${plant.folder}/gate-${newId()}`
  const command = `mkfifo ${gate}; echo on >&2; read go < ${gate}; yes '${LINE}' | head -c ${OUTPUT_BYTES}`
  const run = ogent.execute({ agent_id: AGENT_ID, command })
  for await (const _said of run.stderr) break
  const token = await plant.token()
  const watchers: Watcher[] = []
  try {
    for (let n = 0; n < count; n++) watchers.push(await Watcher.open(plant.directUrl, token, run.command_id))
    for (const watcher of watchers) watcher.stall()
    let peakMB = 0
    const sampler = setInterval(() => {
      peakMB = Math.max(peakMB, anonymousMB(plant.controller.pid))
    }, 20)
    const began = performance.now()
    await ogent.execute({ agent_id: AGENT_ID, command: `echo go > ${gate}` })
    // It ends while its watchers read nothing: they hold it up no moment longer than it takes by itself, which is printed.
    const outcome = await patiently(Promise.resolve(run), 120_000)
    const seconds = (performance.now() - began) / 1000
    expect(outcome).toMatchObject({ status: 'success', stdout_bytes: OUTPUT_BYTES })
    clearInterval(sampler)
    for (const watcher of watchers.slice(0, readers)) await watcher.readOn()
    return { peakMB, seconds }
  } finally {
    for (const watcher of watchers) watcher.close()
    await ogent.close()
  }
}

/** Resident memory of a process without mapped files (proc(5)): pages of the journal's file are the kernel's cache. */
function anonymousMB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(status.match(/RssAnon:\s+(\d+) kB/)?.[1]) / 1000
}

/** A stock client of one command's events, on a socket that can be left unread. */
class Watcher {
  readonly #url: string
  readonly #token: string
  readonly #command_id: string
  #socket!: WebSocket
  #events = 0
  #bytes = 0
  #wrong: string | undefined
  #ended = false
  /** Whether the controller may take it for dead, since it was left unread. */
  #mayBeCut = false

  private constructor(url: string, token: string, command_id: string) {
    this.#url = url
    this.#token = token
    this.#command_id = command_id
  }

  static async open(url: string, token: string, command_id: string): Promise<Watcher> {
    const watcher = new Watcher(url, token, command_id)
    await watcher.#connect()
    await until('the watcher has its first event', () => watcher.#events > 0)
    return watcher
  }

  stall(): void {
    this.#mayBeCut = true
    this.#socket.pause()
  }

  /** Reads to the end, and checks that nothing is missing. */
  async readOn(): Promise<void> {
    this.#socket.resume()
    const over = () => this.#ended || this.#wrong !== undefined
    await until('the watcher has come to the end', over, 120_000).catch((error) => {
      throw new Error(`${error}: ${this.#events} events, ${this.#bytes} bytes`)
    })
    expect({ wrong: this.#wrong, bytes: this.#bytes }).toEqual({
      wrong: undefined,
      bytes: OUTPUT_BYTES + 'on\n'.length,
    })
  }

  close(): void {
    this.#socket.terminate()
  }

  async #connect(): Promise<void> {
    const socket = new WebSocket(`${this.#url.replace('http', 'ws')}/trpc?connectionParams=1`)
    this.#socket = socket
    socket.on('message', (data) => this.#hear(String(data)))
    socket.on('error', () => {})
    socket.on('close', (code) => this.#closed(code))
    await once(socket, 'open')
    socket.send(JSON.stringify({ method: 'connectionParams', data: { token: this.#token } }))
    const seen = this.#events > 0 ? { lastEventId: `${this.#command_id}:${this.#events}` } : {}
    const params = { path: 'commands.follow', input: { json: { command_id: this.#command_id, ...seen } } }
    socket.send(JSON.stringify({ id: 1, method: 'subscription', params }))
  }

  #closed(code: number): void {
    if (!this.#mayBeCut || this.#ended) {
      this.#wrong ??= `the socket closed (${code}) after ${this.#events} events`
      return
    }
    // On a busy machine the output may take longer to fill what the kernel holds than a peer may be silent. The end of a
    // paused socket is seen when it is read again: a client that was cut off goes on where it was.
    this.#mayBeCut = false
    this.#connect().catch((error) => {
      this.#wrong ??= String(error)
    })
  }

  #hear(text: string): void {
    if (text === 'PING') return this.#socket.send('PONG')
    // The controller's own words, of which only these fields are looked at.
    const message = JSON.parse(text) as {
      result?: { type?: string; data?: { json?: { id?: string; data?: { state?: string; bytes?: number } } } }
    }
    if (message.result?.type === 'stopped') this.#ended = true
    const event = message.result?.data?.json
    if (event?.id === undefined) return
    this.#events += 1
    if (!event.id.endsWith(`:${this.#events}`)) this.#wrong ??= `${event.id} came as event ${this.#events}`
    if (event.data?.state === 'output') this.#bytes += event.data.bytes ?? 0
  }
}
