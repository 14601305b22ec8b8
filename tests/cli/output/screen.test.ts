import { WriteStream } from 'node:tty'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Screen } from '../../../src/cli/output/screen.js'

describe('the status line', () => {
  let said = ''
  beforeEach(() => {
    said = ''
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    vi.stubEnv('TERM', 'xterm')
    vi.stubEnv('NO_COLOR', '1')
    vi.stubEnv('FORCE_COLOR', undefined)
    // Node takes a terminal in CI for one without colours.
    vi.stubEnv('CI', undefined)
    for (const stream of [process.stdout, process.stderr]) {
      vi.spyOn(stream, 'write').mockImplementation((data: unknown) => {
        said += String(data)
        return true
      })
      Object.defineProperty(stream, 'isTTY', { value: true, configurable: true })
      const { getColorDepth } = WriteStream.prototype
      Object.defineProperty(stream, 'getColorDepth', { value: getColorDepth, configurable: true })
    }
  })
  afterEach(() => {
    for (const stream of [process.stdout, process.stderr]) {
      Reflect.deleteProperty(stream, 'isTTY')
      Reflect.deleteProperty(stream, 'getColorDepth')
    }
    vi.useRealTimers()
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  test('is not shown for a command that ends within half a second', () => {
    const screen = new Screen(() => 'running')
    vi.advanceTimersByTime(490)
    screen.close()
    vi.advanceTimersByTime(5000)
    expect(said).toBe('')
  })

  test('appears after half a second, is erased before output, and is gone at the end', () => {
    const screen = new Screen(() => 'running')
    vi.advanceTimersByTime(500)
    expect(said).toBe('\r\u001b[Krunning')
    screen.say('a remark')
    expect(said).toBe('\r\u001b[Krunning\r\u001b[Kogent: a remark\n')
    vi.advanceTimersByTime(250)
    screen.close()
    expect(said.endsWith('remark\n\r\u001b[Krunning\r\u001b[K')).toBe(true)
  })

  test('is dim when colours are enabled', () => {
    vi.stubEnv('NO_COLOR', undefined)
    const screen = new Screen(() => 'running')
    vi.advanceTimersByTime(500)
    screen.close()
    expect(said).toBe('\r\u001b[K\u001b[2mrunning\u001b[22m\r\u001b[K')
  })

  test('is not shown while the last row is unfinished', async () => {
    const screen = new Screen(() => 'running')
    await screen.write('stdout', Buffer.from('half'))
    vi.advanceTimersByTime(5000)
    expect(said).toBe('half')
    await screen.write('stdout', Buffer.from(' whole\n'))
    vi.advanceTimersByTime(250)
    expect(said).toBe('half whole\n\r\u001b[Krunning')
    screen.close()
  })
})
