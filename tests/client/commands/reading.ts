import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { InputSender, type SenderOptions } from '../../../src/client/commands/stdin.js'
import type { CommandInputReply, InputState } from '../../../src/shared/commands/input.js'
import { limits } from '../../../src/shared/commands/limits.js'
import { OgentError } from '../../../src/shared/errors.js'

type Piece = Parameters<SenderOptions['send']>[0]

/** The real one, which fake timers leave alone: an input without an end must not keep the test from going on. */
const { setImmediate: immediate } = globalThis
const turn = () => new Promise<void>((resolve) => immediate(resolve))

/** What becomes of a piece on its way, or of its answer. */
export type Fate =
  | { kind: 'taken' | 'lost' | 'answer lost' | 'full' | 'stale' }
  | { kind: 'part'; bytes: number }
  | { kind: 'refused'; error: OgentError }

/** A command that reads, by an agent that counts what it has taken, behind calls with these fates and then without any. */
export class Reading {
  readonly pieces: Piece[] = []
  readonly #fates: Fate[]
  #input = Buffer.alloc(0)
  #underWay = 0
  #state: InputState = 'open'
  ended = false

  constructor(fates: Fate[] = []) {
    this.#fates = [...fates]
  }

  get input(): Buffer {
    return this.#input
  }

  /** The command reads no more. */
  close(): void {
    this.#state = 'closed'
  }

  readonly send = async (piece: Piece): Promise<CommandInputReply> => {
    this.pieces.push(piece)
    this.#underWay += 1
    expect(this.#underWay).toBe(1)
    await turn()
    this.#underWay -= 1
    return this.#answer(piece, this.#fates.shift() ?? { kind: 'taken' })
  }

  #answer(piece: Piece, fate: Fate): CommandInputReply {
    const before = this.#input.length
    switch (fate.kind) {
      case 'lost':
        throw new OgentError('CONNECTION_LOST', 'The piece was lost.')
      case 'refused':
        throw fate.error
      case 'full':
        return this.#reply('full')
      case 'part':
        this.#take(piece, fate.bytes)
        return this.#reply(this.ended ? 'ended' : 'full')
      case 'stale':
        this.#take(piece)
        return { command_id: 'c', taken: Math.min(before, piece.offset ?? 0), state: 'open' }
      case 'answer lost':
        this.#take(piece)
        throw new OgentError('UNAVAILABLE', 'The answer was lost.')
      case 'taken':
        this.#take(piece)
        return this.#reply(this.ended ? 'ended' : this.#state)
    }
  }

  #reply(state: InputState): CommandInputReply {
    return { command_id: 'c', taken: this.#input.length, state: this.#state === 'closed' ? 'closed' : state }
  }

  /** As an agent does: what it has is left out, and what begins above that is not taken. */
  #take({ offset = 0, data = '', end }: Piece, most = Number.POSITIVE_INFINITY): void {
    const bytes = Buffer.from(data)
    expect(bytes.length).toBeLessThanOrEqual(limits.input)
    if (this.#state === 'closed' || this.ended) return
    const have = this.#input.length - offset
    if (have < 0) return
    // What comes again is the same.
    expect(bytes.subarray(0, have).equals(this.#input.subarray(offset, offset + bytes.length))).toBe(true)
    const taken = bytes.subarray(have, have + most)
    this.#input = Buffer.concat([this.#input, taken])
    if (end && offset + bytes.length === this.#input.length) this.ended = true
  }
}

/** Settles as the promise does; pauses pass at once. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  let pending = true
  const settled = () => {
    pending = false
  }
  promise.then(settled, settled)
  for (let rounds = 0; pending && rounds < 10_000; rounds++) {
    await vi.advanceTimersByTimeAsync(1000)
    await turn()
  }
  if (pending) throw new Error('It did not settle.')
  return promise
}

/** Until nothing happens without a timer. */
export async function quiet(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) {
    await vi.advanceTimersByTimeAsync(0)
    await turn()
  }
}

export function senderOf(reading: Pick<Reading, 'send'>, options: Partial<SenderOptions> = {}) {
  const failures: unknown[] = []
  const sender = new InputSender({
    send: reading.send,
    started: undefined,
    joins: false,
    site: { error: (error) => error },
    onFailure: (error) => failures.push(error),
    ...options,
  })
  return { sender, failures }
}

const ALL = Uint8Array.from({ length: 8 * 300_000 }, (_, index) => (index * 31 + (index >> 8)) & 0xff)

/** The bytes of an input by their place, so that each that is lost, doubled or moved shows. */
export function bytesFrom(at: number, length: number): Uint8Array {
  return ALL.subarray(at, at + length)
}

export function chunksOf(sizes: number[]): Uint8Array[] {
  let at = 0
  return sizes.map((size) => {
    at += size
    return bytesFrom(at - size, size)
  })
}

export const fate: fc.Arbitrary<Fate> = fc.oneof(
  fc.constantFrom<Fate>(
    { kind: 'taken' },
    { kind: 'lost' },
    { kind: 'answer lost' },
    { kind: 'full' },
    { kind: 'stale' },
    { kind: 'refused', error: new OgentError('RATE_LIMITED', 'Too many.', { retry_after_seconds: 2 }) },
    { kind: 'refused', error: new OgentError('AGENT_OFFLINE', 'It is not connected.') },
  ),
  fc.nat(limits.input).map((bytes): Fate => ({ kind: 'part', bytes })),
)
export const sizes = fc.array(fc.oneof(fc.nat(9), fc.nat(300_000)), { maxLength: 8 })
