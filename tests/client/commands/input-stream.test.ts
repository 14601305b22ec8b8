import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type InputStream, sendStream } from '../../../src/client/commands/input-stream.js'
import type { CommandInputReply } from '../../../src/shared/commands/input.js'
import { limits } from '../../../src/shared/commands/limits.js'
import { bytesFrom, chunksOf, fate, quiet, Reading, senderOf, sizes, soon } from './reading.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a stream as the input', () => {
  test('arrives whole and in order when pieces and answers are lost, refused, late, or taken in part', async () => {
    const law = fc.asyncProperty(sizes, fc.array(fate, { maxLength: 12 }), async (lengths, fates) => {
      const reading = new Reading(fates)
      const { sender } = senderOf(reading)
      const chunks = async function* () {
        yield* chunksOf(lengths)
      }
      await soon(sendStream(chunks(), sender))
      expect(reading.input.equals(Buffer.concat(chunksOf(lengths)))).toBe(true)
      expect(reading.ended).toBe(true)
    })
    await fc.assert(law, { numRuns: 20 })
  })

  test('is asked after once before anything comes, and ends the input when it ends', async () => {
    const reading = new Reading()
    const { sender } = senderOf(reading)
    const stream = new PassThrough()
    const sent = sendStream(stream, sender)
    await quiet()
    expect(reading.pieces).toMatchObject([{ offset: 0, end: false }])
    stream.end('all')
    await soon(sent)
    expect([String(reading.input), reading.ended]).toEqual(['all', true])
  })

  test('is read no more than a piece ahead of the agent', async () => {
    let answer: (reply: CommandInputReply) => void = () => {}
    const send = () =>
      new Promise<CommandInputReply>((resolve) => {
        answer = resolve
      })
    const { sender } = senderOf({ send })
    let read = 0
    const chunks = async function* () {
      while (true) {
        read += 64 * 1024
        yield bytesFrom(0, 64 * 1024)
      }
    }
    void sendStream(chunks(), sender)
    for (let round = 0; round < 10; round++) await quiet()
    const ahead = read
    // The chunk that has to wait was read too.
    expect(ahead).toBe(limits.input + 64 * 1024)
    for (const taken of [0, limits.input]) {
      answer({ command_id: 'c', taken, state: 'open' })
      await quiet()
      expect(read).toBe(ahead)
    }
    answer({ command_id: 'c', taken: ahead, state: 'open' })
    await quiet()
    expect(read).toBeGreaterThan(ahead)
    expect(read).toBeLessThanOrEqual(3 * limits.input)
    sender.stop(new Error('The test is over.'))
  })

  test('is left quietly when the command reads no more', async () => {
    const left: string[] = []
    const iterated = (async function* () {
      try {
        while (true) yield 'chunk'.repeat(10_000)
      } finally {
        left.push('iterable')
      }
    })()
    const web = new ReadableStream<string>({
      pull: (controller) => controller.enqueue('chunk'.repeat(10_000)),
      cancel: () => {
        left.push('web stream')
      },
    })
    for (const stream of [iterated, web]) {
      const reading = new Reading()
      const { sender, failures } = senderOf(reading)
      const sent = sendStream(stream, sender)
      await quiet()
      reading.close()
      await soon(sent)
      expect(failures).toEqual([])
    }
    await quiet()
    expect(left).toEqual(['iterable', 'web stream'])
  })

  test('of Node.js is left also while it is silent', async () => {
    const { sender, failures } = senderOf(new Reading())
    const silent = new PassThrough()
    const closed = once(silent, 'close')
    const sent = sendStream(silent, sender)
    await quiet()
    sender.ended()
    await closed
    await soon(sent)
    expect([silent.destroyed, failures]).toEqual([true, []])
  })

  test.each<[string, () => InputStream, unknown]>([
    [
      'breaks',
      () => Readable.from(brokenOff(new Error('The disk is gone.'))),
      new Error('The disk is gone.'),
    ],
    ['breaks on the web', () => brokenWeb(new Error('It is gone.')), new Error('It is gone.')],
    ['gives objects', () => Readable.from([{ a: 1 }]), new TypeError('Standard input takes text and bytes.')],
  ])('is not ended, and fails the input, when it %s', async (_what, stream, error) => {
    const reading = new Reading()
    const { sender, failures } = senderOf(reading)
    await soon(sendStream(stream(), sender))
    expect(failures).toEqual([error])
    expect(reading.ended).toBe(false)
  })
})

async function* brokenOff(error: Error): AsyncGenerator<string, void> {
  yield 'a beginning'
  throw error
}

function brokenWeb(error: Error): ReadableStream<string> {
  return new ReadableStream({ pull: (controller) => controller.error(error) })
}
