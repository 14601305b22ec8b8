import { describe, expect, test } from 'vitest'
import { LoginThrottle } from '../../../src/server/access/login-throttle.js'
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

describe('a login throttle', () => {
  test('counts the addresses of a /64 as one', () => {
    const throttle = new LoginThrottle()
    for (let n = 0; n < 50; n++) throttle.failed(`name-${n}`, `2001:db8::${n.toString(16)}`)
    expect(throttle.waitSeconds('another', '2001:db8::ffff')).toBeGreaterThan(0)
    expect(throttle.waitSeconds('another', '2001:db8:0:1::1')).toBe(0)
  })

  test('allows an attempt now and then when a name is locked from one address alone', () => {
    const throttle = new LoginThrottle()
    const now = 1_000_000
    for (let n = 0; n < 10; n++) throttle.failed('web', '192.0.2.1', now)
    expect(throttle.waitSeconds('web', '192.0.2.1', now)).toBeGreaterThan(0)
    expect(throttle.mayTryAnyway('web', '192.0.2.1', now + 9000)).toBe(false)
    expect(throttle.mayTryAnyway('web', '192.0.2.1', now + 11_000)).toBe(true)
    expect(throttle.mayTryAnyway('web', '192.0.2.1', now + 12_000)).toBe(false)
  })

  test('allows no attempt when the whole address is locked', () => {
    const throttle = new LoginThrottle()
    for (let n = 0; n < 50; n++) throttle.failed(`name-${n % 5}`, '192.0.2.1', 1)
    expect(throttle.mayTryAnyway('name-0', '192.0.2.1', 60_000)).toBe(false)
  })
})
