import type { InputState } from '../../shared/commands/input.js'
import { limits } from '../../shared/commands/limits.js'
import type { InputAnswer, InputOrder } from '../../shared/link/protocol.js'
import type { ProcessInput } from './ports.js'

/** Bytes that are held at most, from when they were taken until the pipe has them; what is more is not taken. */
const MOST_HELD = limits.input
/**
 * So much has to be free before a writer that was answered `full` is asked for more: else each read of the program would cost
 * it a message. A program that reads has all that is held before it waits for what is not.
 */
const ENOUGH_ROOM = MOST_HELD / 2
/** Bytes that the pipe is given at a time: room comes back with each of them. */
const SLICE = 64 * 1024

/** A piece of input: see `InputOrder`. */
export type InputPiece = Pick<InputOrder, 'offset' | 'data' | 'end'>

const nextStates: Record<InputState, readonly InputState[]> = {
  open: ['full', 'ended', 'closed'],
  full: ['open', 'ended', 'closed'],
  ended: [],
  closed: [],
}

/**
 * The standard input of one command, from its order to its end: it holds what is taken before there is a process, and then
 * writes it into the pipe as fast as the program reads. Each piece is answered. What has ended or is closed stays so, so that
 * a piece that comes again has the same answer.
 */
export class CommandInput {
  readonly #command_id: string
  readonly #answer: (answer: InputAnswer) => void
  readonly #held = new HeldBytes()
  #state: InputState = 'open'
  #taken = 0
  #pipe: ProcessInput | undefined
  #isWriting = false

  constructor(command_id: string, answer: (answer: InputAnswer) => void) {
    this.#command_id = command_id
    this.#answer = answer
  }

  /** How far it is. */
  get progress(): InputAnswer {
    return { command_id: this.#command_id, taken: this.#taken, state: this.#state }
  }

  /** Takes what it does not have yet of a piece, as far as there is room, and answers. Behind a gap it takes nothing. */
  take(piece: InputPiece): void {
    const isOpen = this.#state === 'open' || this.#state === 'full'
    if (isOpen && piece.offset <= this.#taken) this.#add(piece)
    this.#answer(this.progress)
    this.#write()
  }

  /** The process runs: from here on what is taken goes into this pipe, until that is closed. */
  flowTo(pipe: ProcessInput): void {
    this.#pipe = pipe
    // A program may end, or close its input, without having read it all: that is its right.
    pipe.on('error', () => this.close())
    pipe.on('close', () => this.close())
    if (pipe.destroyed) this.close()
    else this.#write()
  }

  /** The command reads no more: what is held is dropped. A writer that waits for room is answered. */
  close(): void {
    this.#held.clear()
    this.#pipe = undefined
    const isAwaited = this.#state === 'full'
    if (this.#move('closed') && isAwaited) this.#answer(this.progress)
  }

  #add({ offset, data, end = false }: InputPiece): void {
    const fresh = data.subarray(Math.min(this.#taken - offset, data.length))
    const part = fresh.subarray(0, MOST_HELD - this.#held.bytes)
    this.#held.add(part)
    this.#taken += part.length
    if (part.length < fresh.length) this.#move('full')
    // An end below what was taken is not this input's end.
    else if (end && offset + data.length === this.#taken) this.#move('ended')
    else if (fresh.length > 0) this.#move('open')
  }

  /** Gives the pipe one slice after another, each when it has the one before. */
  #write(): void {
    const pipe = this.#pipe
    if (!pipe || this.#isWriting) return
    const slice = this.#held.slice(SLICE)
    if (slice.length === 0) {
      if (this.#state === 'ended') this.#end(pipe)
      return
    }
    this.#isWriting = true
    pipe.write(slice, (error) => {
      this.#isWriting = false
      if (error || this.#pipe === undefined) return this.close()
      this.#held.remove(slice.length)
      if (this.#state === 'full' && MOST_HELD - this.#held.bytes >= ENOUGH_ROOM) {
        this.#move('open')
        this.#answer(this.progress)
      }
      this.#write()
    })
  }

  #end(pipe: ProcessInput): void {
    this.#pipe = undefined
    pipe.end()
  }

  /** False, and without effect, where that state does not follow. */
  #move(state: InputState): boolean {
    if (!nextStates[this.#state].includes(state)) return false
    this.#state = state
    return true
  }
}

/** A shorter piece is put together with the one before, up to so many bytes. */
const SHORT = 4 * 1024

/** Bytes in the order in which they came. They are copied: a piece may be a small view of a large message. */
class HeldBytes {
  #pieces: Buffer[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  add(data: Uint8Array): void {
    if (data.length === 0) return
    const last = this.#pieces.at(-1)
    this.#bytes += data.length
    // A writer may send single bytes; each as a buffer of its own would hold a hundred times what it counts.
    if (last && last.length + data.length <= SHORT) this.#pieces.splice(-1, 1, Buffer.concat([last, data]))
    else this.#pieces.push(Buffer.from(data))
  }

  /** The first of them, at most so many; none where nothing is held. They stay held until `remove`. */
  slice(most: number): Uint8Array {
    return this.#pieces[0]?.subarray(0, most) ?? new Uint8Array(0)
  }

  /** Takes away the first ones, of a slice that was given out. */
  remove(bytes: number): void {
    const [first] = this.#pieces
    if (!first) return
    this.#bytes -= bytes
    if (bytes < first.length) this.#pieces[0] = first.subarray(bytes)
    else this.#pieces.shift()
  }

  clear(): void {
    this.#pieces = []
    this.#bytes = 0
  }
}
