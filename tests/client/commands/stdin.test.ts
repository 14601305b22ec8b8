import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { OgentError } from '../../../src/shared/errors.js'
import { chunksOf, fate, quiet, Reading, senderOf, sizes, soon } from './reading.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('every byte arrives once and in order', () => {
  test('when pieces and answers are lost, refused, late, or taken in part', async () => {
    const law = fc.asyncProperty(sizes, fc.array(fate, { maxLength: 12 }), async (lengths, fates) => {
      const reading = new Reading(fates)
      const { sender, failures } = senderOf(reading)
      const writes = chunksOf(lengths).map((chunk) => sender.write(chunk))
      await soon(Promise.all([...writes, sender.end()]))
      expect(reading.input.equals(Buffer.concat(chunksOf(lengths)))).toBe(true)
      expect(reading.ended).toBe(true)
      expect(failures).toEqual([])
    })
    await fc.assert(law, { numRuns: 30 })
  })

  test('when the caller writes into its buffer again', async () => {
    const reading = new Reading([{ kind: 'lost' }])
    const { sender } = senderOf(reading)
    const chunk = Buffer.from('one')
    const write = sender.write(chunk)
    chunk.write('two')
    await soon(write)
    expect(String(reading.input)).toBe('one')
  })
})

describe('a write', () => {
  test('resolves when the agent has taken it, and not before', async () => {
    const reading = new Reading([{ kind: 'full' }, { kind: 'part', bytes: 2 }])
    const { sender } = senderOf(reading)
    const seen: string[] = []
    const first = sender.write('ab').then(() => seen.push('first'))
    const second = sender.write('cd').then(() => seen.push('second'))
    await quiet()
    expect(seen).toEqual([])
    await soon(second)
    await first
    expect(seen).toEqual(['first', 'second'])
    expect(String(reading.input)).toBe('abcd')
  })

  test('goes with those that came while a call was under way', async () => {
    const reading = new Reading()
    const { sender } = senderOf(reading)
    const first = sender.write('a')
    await Promise.resolve()
    await Promise.all([first, sender.write('b'), sender.write('c'), sender.end('d')])
    expect(String(reading.input)).toBe('abcd')
    expect(reading.pieces.length).toBeLessThanOrEqual(2)
  })

  test('is sent when the command is known to exist, and not at all when it was not started', async () => {
    const reading = new Reading()
    let start: (failure?: OgentError) => void = () => {}
    const started = new Promise<OgentError | undefined>((resolve) => {
      start = resolve
    })
    const { sender } = senderOf(reading, { started })
    const write = sender.write('early')
    await quiet()
    expect(reading.pieces).toEqual([])
    start()
    await write
    expect(String(reading.input)).toBe('early')

    const refusal = new OgentError('AGENT_NOT_FOUND', 'There is no such agent.')
    const never = new Reading()
    const { sender: refused, failures } = senderOf(never, { started: Promise.resolve(refusal) })
    await expect(refused.write('early')).rejects.toBe(refusal)
    expect([never.pieces, failures]).toEqual([[], []])
  })

  test('waits as long as the controller says before it is sent again', async () => {
    const error = new OgentError('RATE_LIMITED', 'Too many.', { retry_after_seconds: 42 })
    const reading = new Reading([{ kind: 'refused', error }])
    const { sender } = senderOf(reading)
    const write = sender.write('late')
    await vi.advanceTimersByTimeAsync(41_000)
    expect(reading.pieces).toHaveLength(1)
    await soon(write)
    expect(reading.pieces).toHaveLength(2)
  })

  test('rejects when the command reads no more, and an end resolves', async () => {
    const reading = new Reading()
    const { sender, failures } = senderOf(reading)
    await sender.write('read')
    expect(sender.closed).toBe(false)
    reading.close()
    const message = 'The command has closed its standard input.'
    await expect(sender.write('not read')).rejects.toMatchObject({ code: 'CLOSED', message })
    await expect(sender.write('not read')).rejects.toMatchObject({ code: 'CLOSED', message })
    await sender.end()
    expect(sender.closed).toBe(true)
    expect(failures).toEqual([])
  })

  test('rejects with COMMAND_ENDED when the command has ended, unless it was taken', async () => {
    const reading = new Reading()
    const { sender } = senderOf(reading)
    const last = sender.write('quit')
    while (reading.pieces.length === 0) await Promise.resolve()
    sender.ended()
    await last
    expect(String(reading.input)).toBe('quit')
    await expect(sender.write('more')).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
    await sender.end()

    const error = new OgentError('COMMAND_ENDED', 'It has ended.')
    const { sender: late } = senderOf(new Reading([{ kind: 'refused', error }]))
    await expect(late.write('late')).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
  })

  test('does not wait for a pause when the command ends', async () => {
    const error = new OgentError('RATE_LIMITED', 'Too many.', { retry_after_seconds: 3600 })
    const { sender } = senderOf(new Reading([{ kind: 'refused', error }]))
    const write = sender.write('late')
    await quiet()
    sender.ended()
    await expect(write).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
    expect(vi.getTimerCount()).toBe(0)
  })

  test('rejects when the end was written before, or it is neither text nor bytes', async () => {
    const { sender } = senderOf(new Reading())
    expect(() => sender.write(7 as unknown as string)).toThrow(TypeError)
    const end = sender.end('all')
    await expect(sender.write('more')).rejects.toMatchObject({ code: 'CLOSED' })
    await Promise.all([end, sender.end()])
  })

  test('fails, and the run is to know, when the input may not be sent', async () => {
    const error = new OgentError('FORBIDDEN', 'It is not yours.')
    const { sender, failures } = senderOf(new Reading([{ kind: 'refused', error }]))
    await expect(sender.write('mine')).rejects.toBe(error)
    await expect(sender.end()).rejects.toBe(error)
    expect(failures).toEqual([error])
  })

  test('fails with what to do when the controller knows no input', async () => {
    const error = new OgentError('NOT_FOUND', 'No procedure found on path "commands.input"')
    const { sender, failures } = senderOf(new Reading([{ kind: 'refused', error }]))
    const expected = { code: 'NOT_FOUND', message: expect.stringContaining('update it') }
    await expect(sender.write('lost')).rejects.toMatchObject(expected)
    expect(failures).toMatchObject([expected])
  })

  test('to an input that has begun goes on where that is', async () => {
    const reading = new Reading()
    await senderOf(reading).sender.write('begun, ')
    const { sender } = senderOf(reading, { joins: true })
    await sender.write('and goes on')
    await sender.end()
    expect(String(reading.input)).toBe('begun, and goes on')
    expect(reading.pieces[1]).toMatchObject({ offset: 0, end: false })
    expect(reading.ended).toBe(true)
  })
})

describe('the same input sent once more', () => {
  test('continues behind what was taken', async () => {
    const reading = new Reading([{ kind: 'taken' }, { kind: 'lost' }])
    const { sender } = senderOf(reading)
    await sender.write('first ')
    sender.stop(new OgentError('CLOSED', 'The program was ended.'))
    await soon(senderOf(reading).sender.end('first and last'))
    expect(String(reading.input)).toBe('first and last')
  })
})

describe('a web stream of the writer', () => {
  test('takes what is piped to it, to its end', async () => {
    const reading = new Reading([{ kind: 'lost' }])
    const { sender } = senderOf(reading)
    const chunks = chunksOf([1000, 300_000, 5])
    await soon(
      new Response(new Blob(chunks as Uint8Array<ArrayBuffer>[])).body?.pipeTo(sender.writable) ?? fail(),
    )
    expect(reading.input.equals(Buffer.concat(chunks))).toBe(true)
    expect(reading.ended).toBe(true)
    expect(sender.writable).toBe(sender.writable)
  })

  test('fails the input when it is aborted', async () => {
    const reading = new Reading()
    const { sender, failures } = senderOf(reading)
    const reason = new Error('The source broke.')
    await sender.writable.abort(reason)
    expect(failures).toEqual([reason])
    await expect(sender.write('more')).rejects.toBe(reason)
    expect(reading.ended).toBe(false)
  })
})

function fail(): never {
  throw new Error('A response with a body has a stream.')
}
