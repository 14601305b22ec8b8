import { describe, expect, test } from 'vitest'
import { closeOutput } from '../../../../src/agent/executors/local/output-drain.js'
import { OutputQueue } from '../../../../src/agent/executors/output-queue.js'
import { outcomeOf } from '../../../suites/executor-suite.js'

/** A stream that goes on for some time after the command's end, a piece every 50 ms, and then closes. */
function lateStream(pieces: number) {
  const output = new OutputQueue([{ pause: () => {}, resume: () => {} }])
  const closed = new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (pieces > 0) output.push({ stream: 'stdout', data: new Uint8Array(1000) })
      else {
        clearInterval(timer)
        resolve()
      }
      pieces -= 1
    }, 50)
  })
  return { output, closed }
}

describe('output that arrives after the end of its command', () => {
  test('is read while it keeps arriving, and no left-behind process is reported', async () => {
    const { output, closed } = lateStream(8)
    const exit = { exit_code: 0, signal: null, reason: null }
    const read = outcomeOf({ pid: 1, output, exit: Promise.resolve(exit), terminate: () => {} })
    const endGroup = async () => false
    const abandon = () => expect.unreachable('what is on its way is not given up')
    expect(
      await closeOutput({ output, closed, leftBehindMs: 0, inFlightMs: 20_000, endGroup, abandon }),
    ).toBeNull()
    output.end()
    expect((await read).stdout.length).toBe(8000)
  })

  test.each([
    ['a little for ever', 10, 500],
    ['more than can be on its way', 1024 * 1024, 20_000],
  ])('is cut off when a process outside the group writes %s', async (_, bytes, inFlightMs) => {
    const output = new OutputQueue([], Number.POSITIVE_INFINITY)
    const timer = setInterval(() => output.push({ stream: 'stdout', data: new Uint8Array(bytes) }), 10)
    let giveUp = () => {}
    const closed = new Promise<void>((resolve) => {
      giveUp = resolve
    })
    const abandon = () => {
      clearInterval(timer)
      giveUp()
    }
    const endGroup = async () => false
    const reason = await closeOutput({ output, closed, leftBehindMs: 0, inFlightMs, endGroup, abandon })
    expect(reason).toContain("outside the command's group")
  })
})
