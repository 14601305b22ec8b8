import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FoldingQueue } from '../../../src/shared/async/queue.js'

type Item = { key: string; n: number }

function queueOf(max: number, onLeave = () => {}, foldFrom = 0) {
  return new FoldingQueue<Item>({ keyOf: ({ key }) => key, max, onLeave, foldFrom })
}

async function rest(queue: FoldingQueue<Item>): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of queue) items.push(item)
  return items
}

describe('a folding queue', () => {
  test('gives a reader that keeps up every item, in order', async () => {
    const queue = queueOf(1)
    const read: Item[] = []
    const reading = (async () => {
      for await (const item of queue) read.push(item)
    })()
    for (let n = 1; n <= 5; n++) {
      queue.push({ key: 'a', n })
      await new Promise((resolve) => setImmediate(resolve))
    }
    queue.end()
    await reading
    expect(read.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5])
  })

  test('gives a slow reader the newest item of each key, in the order in which those came', async () => {
    const queue = queueOf(2)
    for (const [n, key] of ['a', 'b', 'a', 'a'].entries()) expect(queue.push({ key, n })).toBe(true)
    queue.end()
    expect(await rest(queue)).toEqual([
      { key: 'b', n: 1 },
      { key: 'a', n: 3 },
    ])
  })

  test('refuses a new key when it is full, and accepts it when there is room again', async () => {
    const queue = queueOf(2)
    expect(queue.push({ key: 'a', n: 1 })).toBe(true)
    expect(queue.push({ key: 'b', n: 2 })).toBe(true)
    expect(queue.push({ key: 'c', n: 3 })).toBe(false)
    // A key that waits already takes no further place.
    expect(queue.push({ key: 'b', n: 4 })).toBe(true)
    expect(await queue.next()).toEqual({ value: { key: 'a', n: 1 }, done: false })
    expect(queue.push({ key: 'c', n: 5 })).toBe(true)
    queue.end()
    expect((await rest(queue)).map(({ n }) => n)).toEqual([4, 5])
  })

  test('keeps every item while fewer wait than it starts to fold at', async () => {
    const queue = queueOf(4, undefined, 3)
    for (const [n, key] of ['a', 'a', 'b', 'a', 'b', 'c'].entries()) expect(queue.push({ key, n })).toBe(true)
    // From the fourth on: a new a for the newest a, a new b for the b.
    expect(queue.push({ key: 'd', n: 6 })).toBe(false)
    queue.end()
    expect((await rest(queue)).map(({ key, n }) => `${key}${n}`)).toEqual(['a0', 'a3', 'b4', 'c5'])
  })

  test('drops the items that wait when it is cleared, and continues', async () => {
    const queue = queueOf(2)
    for (const key of ['a', 'b']) queue.push({ key, n: 1 })
    queue.clear()
    for (const key of ['b', 'c']) expect(queue.push({ key, n: 2 })).toBe(true)
    queue.end()
    expect((await rest(queue)).map(({ key, n }) => `${key}${n}`)).toEqual(['b2', 'c2'])
  })

  test('holds no more than its bound, and replaces only the newest item of a key, for any order of pushes and reads', async () => {
    const step = fc.oneof(fc.constantFrom('a', 'b', 'c', 'd'), fc.constant(null))
    const bound = fc.integer({ min: 1, max: 4 })
    const foldFrom = fc.integer({ min: 0, max: 4 })
    await fc.assert(
      fc.asyncProperty(fc.array(step), bound, foldFrom, async (steps, max, from) => {
        const queue = queueOf(max, undefined, from)
        let expected: Item[] = []
        for (const [n, key] of steps.entries()) {
          if (key === null) {
            const [first] = expected
            if (first) expect(await queue.next()).toEqual({ value: first, done: false })
            expected = expected.slice(1)
            continue
          }
          const newest = expected.length >= from ? expected.findLast((item) => item.key === key) : undefined
          const others = expected.filter((item) => item !== newest)
          const fits = others.length < max
          expect(queue.push({ key, n })).toBe(fits)
          if (fits) expected = [...others, { key, n }]
        }
        queue.end()
        expect(await rest(queue)).toEqual(expected)
      }),
    )
  })

  test('fails once, after the items that waited, when it ends in an error', async () => {
    const queue = queueOf(1)
    const error = new Error('broken')
    queue.push({ key: 'a', n: 1 })
    queue.end(error)
    queue.end(new Error('a later reason'))
    expect(queue.push({ key: 'a', n: 2 })).toBe(true)
    expect(await queue.next()).toEqual({ value: { key: 'a', n: 1 }, done: false })
    await expect(queue.next()).rejects.toBe(error)
    expect(await queue.next()).toEqual({ value: undefined, done: true })
  })

  test('ends every call that waits when it ends', async () => {
    const queue = queueOf(1)
    const waiting = [queue.next(), queue.next()]
    queue.end()
    expect(await Promise.all(waiting)).toEqual([
      { value: undefined, done: true },
      { value: undefined, done: true },
    ])
    const broken = queueOf(1)
    const failing = Promise.allSettled([broken.next(), broken.next()])
    broken.end(new Error('broken'))
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  })

  test('reports once that its reader has left, by a break, a return while it waits, or the end', async () => {
    const left: string[] = []
    const broken = queueOf(1, () => left.push('break'))
    broken.push({ key: 'a', n: 1 })
    for await (const _ of broken) break
    await broken.return()
    const waiting = queueOf(1, () => left.push('return'))
    const next = waiting.next()
    await waiting.return()
    expect(await next).toEqual({ value: undefined, done: true })
    const ended = queueOf(1, () => left.push('end'))
    ended.end()
    await rest(ended)
    expect(left).toEqual(['break', 'return', 'end'])
    // What is pushed after that is kept nowhere.
    for (const queue of [broken, waiting, ended]) {
      expect(queue.push({ key: 'b', n: 2 })).toBe(true)
      expect(await queue.next()).toEqual({ value: undefined, done: true })
    }
  })
})
