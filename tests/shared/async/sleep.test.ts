import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { sleep } from '../../../src/shared/async/sleep.js'
import { repository } from '../../support/samples.js'

describe('sleep', () => {
  test('resolves after its time when nothing ends it', async () => {
    const began = performance.now()
    await sleep(50)
    // Timers count in whole milliseconds.
    expect(performance.now() - began).toBeGreaterThan(48)
  })

  test('rejects with the reason when its signal is aborted meanwhile', async () => {
    const stop = new AbortController()
    const asleep = sleep(600_000, { signal: stop.signal })
    const reason = new Error('stopped')
    stop.abort(reason)
    await expect(asleep).rejects.toBe(reason)
  })

  test('rejects with the reason when its signal is already aborted', async () => {
    const reason = new Error('stopped')
    await expect(sleep(600_000, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('removes its listener when its time is over', async () => {
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    await sleep(1, { signal })
    expect(removed).toHaveBeenCalledOnce()
  })

  test.each([
    ['lets the process end', true, 'ended\n'],
    ['holds the process', false, 'awake\nended\n'],
  ])('%s when unref is %s', async (_what, unref, said) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { sleep } from ${JSON.stringify(`${repository}dist/shared/async/sleep.js`)}
       process.on('exit', () => console.log('ended'))
       void sleep(200, { unref: ${unref} }).then(() => console.log('awake'))`,
    ])
    expect(stdout).toBe(said)
  })
})
