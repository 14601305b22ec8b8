import { OgentError } from '../../../shared/errors.js'
import type { InputCall } from './call.js'

/** Bytes of pieces that may wait at this controller: of one account, and of all. */
const MAX_BYTES_PER_ACCOUNT = 32 * 1024 * 1024
const MAX_BYTES = 128 * 1024 * 1024
/** What a call counts for besides its piece, which may be empty, in bytes. */
const CALL_BYTES = 4096

/**
 * The calls that wait for their input to be taken, one a command and a question beside it, in bounds. Where there is no room, the call that has
 * waited longest for a program that does not read makes some: its caller sends again anyway.
 */
export class WaitingCalls {
  readonly #maxBytesPerAccount: number
  readonly #maxBytes: number
  /** By `keyOf`, the oldest first. */
  readonly #calls = new Map<string, InputCall>()
  readonly #byAccount = new Map<string, number>()
  #bytes = 0

  constructor({ maxBytesPerAccount = MAX_BYTES_PER_ACCOUNT, maxBytes = MAX_BYTES } = {}) {
    this.#maxBytesPerAccount = maxBytesPerAccount
    this.#maxBytes = maxBytes
  }

  /** Those of one command. */
  of(command_id: string): InputCall[] {
    return [command_id, questionOf(command_id)].flatMap((key) => this.#calls.get(key) ?? [])
  }

  get all(): InputCall[] {
    return [...this.#calls.values()]
  }

  /**
   * Adds a call, in place of an earlier one for its command: that of a caller whose connection was lost may still wait. Throws
   * RATE_LIMITED where there is no room.
   */
  add(call: InputCall): void {
    const earlier = this.#calls.get(keyOf(call))
    if (earlier) this.#giveUp(earlier, `Another call writes the input of command ${call.command_id}.`)
    while (this.#isFullFor(call)) {
      const ofAccount = this.#ofAccount(call.account) + sizeOf(call) > this.#maxBytesPerAccount
      const stuck = this.all.find((one) => one.isFull && (!ofAccount || one.account === call.account))
      if (!stuck) throw tooMany(ofAccount ? call.account : 'This controller')
      this.#giveUp(stuck, 'Its place was needed.')
    }
    this.#calls.set(keyOf(call), call)
    this.#count(call, 1)
  }

  /** Nothing where another call has taken its place. */
  remove(call: InputCall): void {
    if (this.#calls.get(keyOf(call)) !== call) return
    this.#calls.delete(keyOf(call))
    this.#count(call, -1)
  }

  #giveUp(call: InputCall, why: string): void {
    this.remove(call)
    call.giveUp(rateLimited(`${why} Send one piece at a time, and begin where the reply says.`))
  }

  #isFullFor(call: InputCall): boolean {
    const size = sizeOf(call)
    return (
      this.#bytes + size > this.#maxBytes || this.#ofAccount(call.account) + size > this.#maxBytesPerAccount
    )
  }

  #ofAccount(account: string): number {
    return this.#byAccount.get(account) ?? 0
  }

  #count(call: InputCall, by: 1 | -1): void {
    const bytes = by * sizeOf(call)
    const left = this.#ofAccount(call.account) + bytes
    this.#bytes += bytes
    if (left > 0) this.#byAccount.set(call.account, left)
    else this.#byAccount.delete(call.account)
  }
}

/** A question takes the place of no writer. Ids have no blanks. */
function keyOf({ command_id, isQuestion }: InputCall): string {
  return isQuestion ? questionOf(command_id) : command_id
}

function questionOf(command_id: string): string {
  return `${command_id} ?`
}

function sizeOf(call: InputCall): number {
  return call.bytes + CALL_BYTES
}

function tooMany(name: string): OgentError {
  return rateLimited(`${name} has as much input waiting as there is room for: send it again soon.`)
}

function rateLimited(sentence: string): OgentError {
  return new OgentError('RATE_LIMITED', sentence, { retry_after_seconds: 1 })
}
