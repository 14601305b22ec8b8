import { expect, test } from 'vitest'
import { type Scan, ScanTurns } from '../../../src/server/storage/scan-turns.js'

/** Works until its slice is over. */
function work(scan: Scan): void {
  while (!scan.isDue);
}

test('scans that are begun together work one in each turn of the event loop, by turns', async () => {
  const turns = new ScanTurns()
  const began: string[] = []
  let loops = 0
  let running = true
  const count = () => {
    loops += 1
    if (running) setImmediate(count)
  }
  setImmediate(count)
  const run = async (name: string) => {
    const scan = turns.scan()
    expect(scan.isDue).toBe(true)
    for (let slice = 0; slice < 3; slice++) {
      await scan.turn()
      began.push(`${name} ${loops}`)
      work(scan)
    }
    await scan.turn()
    // Three slices of 10 ms, and none of the others' time.
    expect(scan.workedMs).toBeGreaterThanOrEqual(30)
  }
  await Promise.all(['a', 'b', 'c'].map(run))
  running = false
  expect(began.map((one) => one.slice(0, 1)).join('')).toBe('abcabcabc')
  expect(new Set(began.map((one) => one.slice(2))).size).toBe(began.length)
})
