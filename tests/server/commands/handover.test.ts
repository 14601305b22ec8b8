import { expect, test } from 'vitest'
import { Handover } from '../../../src/server/commands/handover.js'

/** What has settled once all that can go on has done so. */
async function settled(promises: Promise<unknown>[]): Promise<number> {
  let count = 0
  for (const promise of promises) promise.then(() => count++)
  await new Promise((resolve) => setImmediate(resolve))
  return count
}

test('a sender waits until the reader asks for more than its item', async () => {
  const handover = new Handover<number>()
  const sent = [1, 2, 3].map((item) => handover.send(item))
  expect(await settled(sent)).toBe(0)
  const items = handover.items()
  expect((await items.next()).value).toBe(1)
  expect(await settled(sent)).toBe(0)
  expect((await items.next()).value).toBe(2)
  expect(await settled(sent)).toBe(1)
  await items.return()
  expect(await settled(sent)).toBe(2)
})

test('a reader that waits gets an item when it is sent', async () => {
  const handover = new Handover<string>()
  const next = handover.items().next()
  void handover.send('late')
  expect(await next).toEqual({ value: 'late', done: false })
})

test('a few senders have a turn at a time, and the next one gets it when one has ended its turn', async () => {
  const handover = new Handover<number>()
  const turns = Array.from({ length: 6 }, () => handover.turn())
  expect(await settled(turns)).toBe(4)
  const endFirst = await turns[0]
  endFirst?.()
  endFirst?.()
  expect(await settled(turns)).toBe(5)
})

test('the end drops what waits, frees its senders and is thrown to the reader', async () => {
  const handover = new Handover<number>()
  const items = handover.items()
  const waiting = items.next()
  handover.end(new Error('over'))
  handover.end(new Error('again'))
  await expect(waiting).rejects.toThrow('over')

  const other = new Handover<number>()
  const sent = [other.send(1), other.send(2)]
  other.end(new Error('over'))
  expect(await settled([...sent, other.send(3)])).toBe(3)
  await expect(other.items().next()).rejects.toThrow('over')
})
