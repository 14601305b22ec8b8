import { expect, test } from 'vitest'
import { EventStream, type StreamObserver } from '../../src/client/event-stream.js'
import { OgentError } from '../../src/shared/errors.js'
import type { RawCommandEvent } from '../../src/shared/event.js'

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

test('output that comes again under later numbers is passed over', async () => {
  const seen = [output('a', 0), output('b', 1), output('c', 2)]
  const shifted = [output('a', 0), back, output('b', 1), output('c', 2), output('d', 3)]
  const { stream } = streamOver([seen, shifted])
  expect(await textOf(stream)).toBe('abcd')
})

test('where output is missing, the journal is read again from the beginning', async () => {
  const seen = [output('a', 0), back, back]
  const shifted = [output('a', 0), output('b', 1), output('c', 2), output('d', 3)]
  const { stream, opened } = streamOver([seen, shifted, shifted])
  expect(await textOf(stream)).toBe('abcd')
  expect(opened.filter((lastId) => lastId === undefined).length).toBeGreaterThan(1)
})
