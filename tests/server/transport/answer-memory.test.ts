import { describe, expect, test } from 'vitest'
import {
  AnswerMemory,
  answerLimits,
  bytesOfResult,
  ROW_BYTES,
} from '../../../src/server/transport/answer-memory.js'
import { newCommand } from '../../suites/journal-suite.js'

const limits = { building: 100, buildingOfAccount: 40, batch: 100, unread: 100, unreadOfAccount: 40 }

/** Asks for room, and notes when it is given. */
function ask(memory: AnswerMemory, given: string[], account: string, bytes: number) {
  const name = `${account} ${bytes}`
  return memory.build(account, bytes).then((leave) => {
    given.push(name)
    return leave
  })
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('answers that are being built', () => {
  test('wait for room of their account, and do not delay those of others', async () => {
    const memory = new AnswerMemory(limits)
    const given: string[] = []
    const first = await ask(memory, given, 'a', 30)
    const second = ask(memory, given, 'a', 20)
    await ask(memory, given, 'b', 20)
    await settled()
    expect(given).toEqual(['a 30', 'b 20'])
    first()
    // Once: a second call returns no room of another's.
    first()
    await second
    expect(given).toEqual(['a 30', 'b 20', 'a 20'])
  })

  test('wait for room in total, in the order in which they came', async () => {
    const memory = new AnswerMemory(limits)
    const given: string[] = []
    const leaves = [await ask(memory, given, 'a', 40), await ask(memory, given, 'b', 40)]
    const waiting = [ask(memory, given, 'c', 40), ask(memory, given, 'd', 10)]
    await settled()
    // A small one that came later does not pass: the large one would never have its turn.
    expect(given).toEqual(['a 40', 'b 40'])
    for (const leave of leaves) leave()
    await Promise.all(waiting)
    expect(given.slice(2)).toEqual(['c 40', 'd 10'])
  })

  test('are built alone when they are larger than all of the room', async () => {
    const memory = new AnswerMemory(limits)
    const given: string[] = []
    const small = await ask(memory, given, 'a', 10)
    const large = ask(memory, given, 'b', 1000)
    const behind = ask(memory, given, 'c', 10)
    await settled()
    expect(given).toEqual(['a 10'])
    small()
    const leave = await large
    await settled()
    expect(given).toEqual(['a 10', 'b 1000'])
    leave()
    await behind
  })
})

describe('answers that are not read', () => {
  test('close the connection that holds the most of an account that holds too much', () => {
    const memory = new AnswerMemory(limits)
    const dropped: string[] = []
    const unread = (account: string, name: string) => memory.unread(account, () => dropped.push(name))
    const [small, large, other] = [unread('a', 'small'), unread('a', 'large'), unread('b', 'other')]
    other.set(39)
    large.set(30)
    small.set(10)
    expect(dropped).toEqual([])
    small.set(11)
    expect(dropped).toEqual(['large'])
    small.set(40)
    expect(dropped).toEqual(['large'])
  })

  test('close the connection that holds the most of all', () => {
    const memory = new AnswerMemory(limits)
    const dropped: string[] = []
    for (const [account, bytes] of [
      ['a', 35],
      ['b', 38],
      ['c', 30],
    ] as const) {
      memory.unread(account, () => dropped.push(account)).set(bytes)
    }
    expect(dropped).toEqual(['b'])
  })
})

test('the bounds of answers follow from the memory that the process has', () => {
  const MiB = 1024 * 1024
  const small = answerLimits(160 * MiB)
  // All that is built and all that waits unread leave most of it to the rest.
  expect(small.building + small.unread).toBeLessThan((160 * MiB) / 2)
  expect(answerLimits(8192 * MiB)).toMatchObject({ building: 256 * MiB, unread: 512 * MiB })
})

test('a result counts with the output of its command, up to the limit of a result', () => {
  const { record } = newCommand('c', { command: 'x'.repeat(100), stdout_bytes: 10, stderr_bytes: 5000 })
  expect(bytesOfResult(record, 1000)).toBe(ROW_BYTES + 16 * (10 + 1000 + 200))
})
