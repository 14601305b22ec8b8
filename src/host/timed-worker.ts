import { Worker } from 'node:worker_threads'

/** Functions by name, which a worker thread has and answers for. */
type Functions = Record<string, (...args: never[]) => unknown>

export type TimedWorkerOptions = {
  /** The module that the thread runs: `answerQuestions` over the same functions. */
  module: URL
  /** For one question, from when the thread takes it, in ms. */
  deadlineMs: number
  /** Questions of one account that may wait; more are answered with undefined at once. */
  waitingPerAccount: number
  /** Questions that may wait in all. */
  waiting: number
  /** Called when the thread had to be ended, with the reason. */
  onTrouble?: (reason: string) => void
}

/** What the thread is asked. */
export type Question = { id: number; name: string; args: unknown[] }
/** What it says: first that it is ready, then one answer a question. */
export type Answer = { ready: true } | { id: number; answer: unknown }

type Waiting = { name: string; args: unknown[]; resolve: (answer: unknown) => void }

/** A thread that is this late after its deadline, in ms, is stuck: it is ended, and the next question gets a new one. */
const STUCK_MS = 900
/** A thread gets so long to load its module, in ms; on a busy machine that takes seconds. */
const START_MS = 30_000

/**
 * Runs functions in a thread of its own, so that none of them holds up the event loop. One question at a time, in
 * turns by account; what is late is answered with undefined.
 */
export class TimedWorker<F extends Functions> {
  readonly #options: TimedWorkerOptions
  /** By account: each has its turn, however many questions another one asks. */
  readonly #waiting = new Map<string, Waiting[]>()
  #count = 0
  #worker: Worker | undefined
  #ready = false
  #asked: { id: number; resolve: (answer: unknown) => void } | undefined
  #timer: NodeJS.Timeout | undefined
  #nextId = 1
  #closed = false

  constructor(options: TimedWorkerOptions) {
    this.#options = options
  }

  /** Undefined when the answer was late, or too many wait already. */
  async ask<N extends keyof F & string>(
    account: string,
    name: N,
    ...args: Parameters<F[N]>
  ): Promise<ReturnType<F[N]> | undefined> {
    const { waiting, waitingPerAccount } = this.#options
    const own = this.#waiting.get(account) ?? []
    if (this.#closed || this.#count >= waiting || own.length >= waitingPerAccount) return undefined
    const answer = await new Promise<unknown>((resolve) => {
      own.push({ name, args, resolve })
      this.#waiting.set(account, own)
      this.#count += 1
      this.#next()
    })
    // The thread has the same functions by the same names.
    return answer as ReturnType<F[N]> | undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#drop()
    for (const own of this.#waiting.values()) for (const one of own) one.resolve(undefined)
    this.#waiting.clear()
    this.#count = 0
  }

  #next(): void {
    if (this.#asked || this.#count === 0 || this.#closed) return
    const worker = this.#started()
    if (!this.#ready) return
    const [turn] = this.#waiting
    const first = turn?.[1].shift()
    if (!turn || !first) return
    const [account, own] = turn
    // Set again at the end: the next turn is another account's.
    this.#waiting.delete(account)
    if (own.length > 0) this.#waiting.set(account, own)
    this.#count -= 1
    const id = this.#nextId++
    this.#asked = { id, resolve: first.resolve }
    const question: Question = { id, name: first.name, args: first.args }
    worker.postMessage(question)
    this.#timer = setTimeout(() => this.#late(), this.#options.deadlineMs)
  }

  /** The caller is answered now; the thread gets a little longer, since a new one costs more than that. */
  #late(): void {
    this.#asked?.resolve(undefined)
    this.#timer = setTimeout(() => {
      this.#options.onTrouble?.('it did not come to an end')
      void this.#drop()
    }, STUCK_MS)
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(this.#options.module, { resourceLimits: { maxOldGenerationSizeMb: 256 } })
    // It is no reason to stay, and has nothing to say but its answers.
    worker.unref()
    worker.on('message', (answer: Answer) => this.#hear(worker, answer))
    worker.on('error', (error) => {
      if (worker !== this.#worker) return
      this.#options.onTrouble?.(error.message)
      void this.#drop()
    })
    this.#worker = worker
    this.#timer = setTimeout(() => {
      this.#options.onTrouble?.('it did not start')
      void this.#drop()
    }, START_MS)
    return worker
  }

  #hear(worker: Worker, answer: Answer): void {
    if (worker !== this.#worker) return
    if ('ready' in answer) {
      this.#ready = true
    } else if (answer.id === this.#asked?.id) {
      const { resolve } = this.#asked
      this.#asked = undefined
      resolve(answer.answer)
    }
    clearTimeout(this.#timer)
    this.#next()
  }

  /** Ends the thread. What it was asked is late; a thread that never came to work takes all that waits with it. */
  async #drop(): Promise<void> {
    const { resolve } = this.#asked ?? {}
    const worker = this.#worker
    const wasReady = this.#ready
    clearTimeout(this.#timer)
    this.#worker = undefined
    this.#ready = false
    this.#asked = undefined
    resolve?.(undefined)
    if (!wasReady && !this.#closed) {
      for (const own of this.#waiting.values()) for (const one of own) one.resolve(undefined)
      this.#waiting.clear()
      this.#count = 0
    }
    this.#next()
    await worker?.terminate()
  }
}
