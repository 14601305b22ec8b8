import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FoldingQueue } from '../../../src/shared/async/queue.js'

type Item = { key: string; n: number }

function queueOf(maxKeys: number, onLeave = () => {}) {
  return new FoldingQueue<Item>({ keyOf: ({ key }) => key, maxKeys, onLeave })
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

  test('refuses a further key when it is full, and takes it when there is room again', async () => {
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

  test('never holds more than its bound, whatever is pushed and read', async () => {
    const step = fc.oneof(fc.constantFrom('a', 'b', 'c', 'd'), fc.constant(null))
    await fc.assert(
      fc.asyncProperty(fc.array(step), fc.integer({ min: 1, max: 3 }), async (steps, maxKeys) => {
        const queue = queueOf(maxKeys)
        let expected: Item[] = []
        for (const [n, key] of steps.entries()) {
          if (key === null) {
            const [first] = expected
            if (first) expect(await queue.next()).toEqual({ value: first, done: false })
            expected = expected.slice(1)
            continue
          }
          const others = expected.filter((item) => item.key !== key)
          const fits = others.length < maxKeys
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

  test('says once that its reader has left, by a break, a return while it waits, or the end', async () => {
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
