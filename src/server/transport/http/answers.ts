import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OgentError } from '../../../shared/errors.js'
import type { AnswerMemory } from '../answer-memory.js'

/** Of an answer whose length is not known when it leaves, the part of its estimate that it is taken to be. */
const USUAL_PART = 1 / 4

/** Characters of an answer that is made bytes before it leaves. */
const LONG_TEXT = 16 * 1024

/** What one answer over HTTP takes of the memory of answers; the calls of a batch are one answer together. */
export class HttpAnswer {
  readonly #answers: AnswerMemory
  readonly #reply: FastifyReply
  readonly #calls: number
  #admitted: Promise<() => void> | undefined
  #account = ''
  #bytes = 0
  #charged = 0
  #sent = false

  constructor(answers: AnswerMemory, reply: FastifyReply, calls = 1) {
    this.#answers = answers
    this.#reply = reply
    this.#calls = calls
  }

  /**
   * Resolves when an answer of so many bytes may be built. Throws PAYLOAD_TOO_LARGE for one that is not the first of a
   * batch, where the batch would give too much; the first is built regardless of its size.
   */
  async admit(account: string, bytes: number): Promise<void> {
    if (!this.#admitted) {
      this.#account = account
      this.#bytes = this.#calls > 1 ? Math.max(bytes, this.#answers.batchBytes) : bytes
      this.#admitted = this.#answers.build(account, this.#bytes)
      // One that is gone by now is not sent, and says so no second time.
      if (this.#reply.raw.closed) this.#release()
      else this.#reply.raw.once('close', () => this.#release())
    }
    const first = this.#charged === 0
    if (!first && this.#charged + bytes > this.#bytes) throw tooLarge()
    this.#charged += bytes
    await this.#admitted
  }

  /** Called when the answer is built and leaves: from then on it is unread until its connection has taken it. */
  sent(payload: unknown): void {
    if (!this.#admitted || this.#sent) return
    this.#sent = true
    this.#release()
    const { raw } = this.#reply
    if (raw.closed) return
    const unread = this.#answers.unread(this.#account, () => raw.destroy())
    raw.once('close', () => unread.set(0))
    unread.set(lengthOf(payload) ?? this.#charged * USUAL_PART)
  }

  #release(): void {
    this.#admitted?.then(
      (leave) => leave(),
      // Refused: nothing was taken.
      () => {},
    )
  }
}

const answersOf = new WeakMap<FastifyRequest, HttpAnswer>()

/** The answer to this request. */
export function httpAnswer(
  answers: AnswerMemory,
  request: FastifyRequest,
  reply: FastifyReply,
  calls?: number,
): HttpAnswer {
  const known = answersOf.get(request)
  if (known) return known
  const made = new HttpAnswer(answers, reply, calls)
  answersOf.set(request, made)
  return made
}

/** Has answers counted as unread from when they leave. */
export function registerAnswers(app: FastifyInstance): void {
  app.addHook('onSend', async (request, _reply, payload) => {
    const answer = answersOf.get(request)
    if (!answer) return payload
    // A long text waits outside the heap, as bytes, and is counted as what it takes.
    const sent = typeof payload === 'string' && payload.length > LONG_TEXT ? Buffer.from(payload) : payload
    answer.sent(sent)
    return sent
  })
}

function lengthOf(payload: unknown): number | undefined {
  return typeof payload === 'string' || payload instanceof Uint8Array ? payload.length : undefined
}

function tooLarge(): OgentError {
  return new OgentError(
    'PAYLOAD_TOO_LARGE',
    'The answers of this batch are too large together: ask for fewer.',
  )
}
