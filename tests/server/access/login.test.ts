import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LoginThrottle } from '../../../src/server/access/login-throttle.js'
import { memoryLimiter } from '../../../src/server/transport/limits/rate-limiter.js'
import { networkOf } from '../../../src/shared/access/network.js'

describe('the caller that a login throttle sees', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

describe('a throttle of logins', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  const open = () => new LoginThrottle(memoryLimiter)

  test('counts the addresses of one /64 as one', async () => {
    const throttle = open()
    for (let n = 0; n < 50; n++) await throttle.failed(`name-${n}`, `2001:db8::${n.toString(16)}`)
    expect(await throttle.waitSeconds('another', '2001:db8::ffff')).toBeGreaterThan(0)
    expect(await throttle.waitSeconds('another', '2001:db8:0:1::1')).toBe(0)
  })

  test('lets one try through now and then where a name is shut from one address alone', async () => {
    const throttle = open()
    for (let n = 0; n < 10; n++) await throttle.failed('web', '192.0.2.1')
    expect(await throttle.waitSeconds('web', '192.0.2.1')).toBeGreaterThan(0)
    vi.advanceTimersByTime(9000)
    expect(await throttle.mayTryAnyway('web', '192.0.2.1')).toBe(false)
    vi.advanceTimersByTime(2000)
    expect(await throttle.mayTryAnyway('web', '192.0.2.1')).toBe(true)
    vi.advanceTimersByTime(1000)
    expect(await throttle.mayTryAnyway('web', '192.0.2.1')).toBe(false)
  })

  test('lets no try through where the whole address is shut', async () => {
    const throttle = open()
    for (let n = 0; n < 50; n++) await throttle.failed(`name-${n % 5}`, '192.0.2.1')
    vi.advanceTimersByTime(60_000)
    expect(await throttle.mayTryAnyway('name-0', '192.0.2.1')).toBe(false)
  })

  test('counts the failures of one machine as its own, until an account is wrong from everywhere', async () => {
    const throttle = open()
    const failTen = async (address: string) => {
      for (let at = 0; at < 10; at++) await throttle.failed('agents', address)
      expect(await throttle.waitSeconds('agents', address)).toBe(300)
    }
    await failTen('10.0.0.1')
    expect(await throttle.waitSeconds('agents', '10.0.0.2')).toBe(0)
    await throttle.cameIn('agents', '10.0.0.2')
    for (let at = 10; at < 19; at++) await failTen(`10.0.0.${at}`)
    expect(await throttle.waitSeconds('agents', '10.0.0.3')).toBe(300)
    // A user may still come in from where that user came in before.
    expect(await throttle.isFamiliar('agents', '10.0.0.2')).toBe(true)
    expect(await throttle.waitSeconds('agents', '10.0.0.2')).toBe(0)
  })

  test('counts the failures of many names from one address, until their time is over', async () => {
    const throttle = open()
    for (let at = 0; at < 50; at++) {
      expect(await throttle.waitSeconds(`name-${at}`, '10.0.0.9')).toBe(0)
      await throttle.failed(`name-${at}`, '10.0.0.9')
    }
    expect(await throttle.waitSeconds('another', '10.0.0.9')).toBe(300)
    expect(await throttle.waitSeconds('another', '10.0.0.10')).toBe(0)
    vi.advanceTimersByTime(299_000)
    expect(await throttle.waitSeconds('another', '10.0.0.9')).toBe(1)
    vi.advanceTimersByTime(2000)
    expect(await throttle.waitSeconds('another', '10.0.0.9')).toBe(0)
  })

  test('forgets the failures of a name from an address when the right password comes', async () => {
    const throttle = open()
    for (let at = 0; at < 9; at++) await throttle.failed('web', '10.0.0.1')
    await throttle.cameIn('web', '10.0.0.1')
    for (let at = 0; at < 9; at++) await throttle.failed('web', '10.0.0.1')
    expect(await throttle.waitSeconds('web', '10.0.0.1')).toBe(0)
    await throttle.failed('web', '10.0.0.1')
    expect(await throttle.waitSeconds('web', '10.0.0.1')).toBe(300)
  })

  test('remembers within a bound, those used last', async () => {
    const throttle = open()
    for (let at = 0; at < 10; at++) await throttle.failed('first', '10.0.0.1')
    for (let at = 0; at < 10_000; at++) await throttle.failed(`name-${at}`, `10.${at % 250}.${at % 240}.1`)
    expect(await throttle.waitSeconds('first', '10.0.0.1')).toBe(0)
  })
})
