import { afterEach, describe, expect, test, vi } from 'vitest'
import { EventStream, type StreamObserver } from '../../../src/client/commands/resumable-stream.js'
import type { RawCommandEvent } from '../../../src/shared/commands/event.js'
import { OgentError } from '../../../src/shared/errors.js'

const at = '2026-01-01T00:00:00.000Z'

function output(text: string, offset: number): RawCommandEvent {
  const data = Buffer.from(text)
  const base = { type: 'command_progress', command_id: 'c', timestamp: at } as const
  return { ...base, state: 'output', stream: 'stdout', data, offset, bytes: data.length }
}

const back: RawCommandEvent = {
  type: 'command_progress',
  command_id: 'c',
  state: 'agent_back',
  timestamp: at,
}

/** What the controller says of a last event that it does not know. */
const notAnEvent = new OgentError('VALIDATION_FAILED', 'lastEventId: is not an event of command c', {
  issues: [{ loc: ['lastEventId'], msg: 'is not an event of command c', type: 'invalid_value' }],
})

/** A controller whose journal may change between subscriptions, as it does when it is killed. */
function streamOver(journals: RawCommandEvent[][]) {
  const opened: (string | undefined)[] = []
  const stream = new EventStream({
    renewToken: () => false,
    firstContactMs: 1000,
    open: (lastEventId, observer: StreamObserver) => {
      opened.push(lastEventId)
      const journal = journals[Math.min(opened.length, journals.length) - 1] ?? []
      const from = lastEventId === undefined ? 0 : Number(lastEventId.split(':')[1])
      queueMicrotask(() => {
        if (from > journal.length) return observer.onError(notAnEvent)
        for (const [index, event] of journal.entries()) {
          if (index >= from) observer.onEvent(`c:${index + 1}`, event)
        }
        if (opened.length < journals.length)
          observer.onError(new OgentError('CONNECTION_LOST', 'The socket broke.'))
        else observer.onComplete()
      })
      return () => {}
    },
  })
  return { stream, opened }
}

async function textOf(stream: EventStream): Promise<string> {
  let text = ''
  try {
    for (let item = await stream.next(); item; item = await stream.next()) {
      if ('data' in item.event) text += Buffer.from(item.event.data).toString()
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'COMMAND_ENDED' })
  }
  return text
}

test('a stream skips output that comes again under later numbers', async () => {
  const seen = [output('a', 0), output('b', 1), output('c', 2)]
  const shifted = [output('a', 0), back, output('b', 1), output('c', 2), output('d', 3)]
  const { stream } = streamOver([seen, shifted])
  expect(await textOf(stream)).toBe('abcd')
})

test('a stream reads the journal again from the beginning when output is missing', async () => {
  const seen = [output('a', 0), back, back]
  const shifted = [output('a', 0), output('b', 1), output('c', 2), output('d', 3)]
  const { stream, opened } = streamOver([seen, shifted, shifted])
  expect(await textOf(stream)).toBe('abcd')
  expect(opened.filter((lastId) => lastId === undefined).length).toBeGreaterThan(1)
})

test('a stream goes back in a shorter journal until an event is known, and yields nothing twice', async () => {
  const seen = [output('a', 0), output('b', 1), output('c', 2), output('d', 3), output('e', 4)]
  const restored = seen.slice(0, 2)
  const grown = [...restored, back, output('c', 2), output('d', 3), output('e', 4), output('f', 5)]
  const { stream, opened } = streamOver([seen, restored, restored, restored, grown])
  expect(await textOf(stream)).toBe('abcdef')
  // One event back, then two more: never the whole again.
  expect(opened.slice(0, 5)).toEqual([undefined, 'c:5', 'c:4', 'c:2', 'c:2'])
})

test('a stream reads a journal that was reset from its first event', async () => {
  const seen = [output('a', 0), output('b', 1), output('c', 2)]
  const { stream, opened } = streamOver([
    seen,
    [],
    [],
    [output('a', 0), output('b', 1), output('c', 2), output('d', 3)],
  ])
  expect(await textOf(stream)).toBe('abcd')
  expect(opened.slice(1, 4)).toEqual(['c:3', 'c:2', undefined])
})

describe('a stream whose caller has made too many requests', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  /** A controller that answers each subscription with the next of these, the last of them time and again. */
  function answeredBy(answers: (RawCommandEvent | OgentError)[], goesOn: boolean) {
    vi.useFakeTimers()
    let opened = 0
    const stream = new EventStream({
      renewToken: () => false,
      firstContactMs: 1000,
      goesOn,
      open: (_lastEventId, observer) => {
        const answer = answers[opened]
        opened += 1
        queueMicrotask(() => {
          if (answer instanceof OgentError) observer.onError(answer)
          else if (answer) observer.onEvent(`c:${opened}`, answer)
          if (answer && !(answer instanceof OgentError))
            observer.onError(new OgentError('CONNECTION_LOST', 'The socket broke.'))
        })
        return () => {}
      },
    })
    return { stream, opened: () => opened }
  }

  const limited = (retry_after_seconds?: number) =>
    new OgentError('RATE_LIMITED', 'Too many requests.', { retry_after_seconds })

  test('waits as long as the controller says, and goes on', async () => {
    const { stream, opened } = answeredBy([output('a', 0), limited(42), output('b', 1)], false)
    await vi.advanceTimersByTimeAsync(1000)
    expect(opened()).toBe(2)
    await vi.advanceTimersByTimeAsync(40_000)
    expect(opened()).toBe(2)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(opened()).toBeGreaterThan(2)
    const events = [await stream.next(), await stream.next()]
    expect(events.map((item) => item?.seq)).toEqual([1, 3])
    stream.stop()
  })

  test('goes on soon where the controller says no time', async () => {
    const { stream, opened } = answeredBy([output('a', 0), limited(), output('b', 1)], false)
    await vi.advanceTimersByTimeAsync(5000)
    expect(opened()).toBeGreaterThan(2)
    stream.stop()
  })

  test('ends in that where it has had no event, unless its command was followed before', async () => {
    const first = answeredBy([limited(3), output('a', 0)], false)
    await expect(first.stream.next()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    const later = answeredBy([limited(3), output('a', 0)], true)
    const item = later.stream.next()
    await vi.advanceTimersByTimeAsync(5000)
    expect(await item).toMatchObject({ seq: 2 })
    later.stream.stop()
  })
})
