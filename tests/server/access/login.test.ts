import { describe, expect, test } from 'vitest'
import { LoginThrottle } from '../../../src/server/access/login-throttle.js'
import { type Place, Turns } from '../../../src/server/access/turns.js'
import { networkOf } from '../../../src/shared/access/network.js'

describe('what counts as one caller', () => {
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

/** Work that ends when it is told to. */
function workAt(turns: Turns) {
  const started: string[] = []
  const ends: (() => void)[] = []
  const take = (name: string, place: Partial<Place> = {}) => {
    const work = () =>
      new Promise<void>((resolve) => {
        started.push(name)
        ends.push(resolve)
      })
    const taken = turns.take({ key: name, familiar: false, ...place }, work)
    taken.catch(() => {})
    return taken
  }
  const endOne = async () => {
    ends.shift()?.()
    // The place passes on in a few microtasks.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { started, take, endOne }
}

describe('turns', () => {
  test('go round the keys when one of them asks again and again', async () => {
    const { started, take, endOne } = workAt(new Turns(1, 100))
    take('first')
    for (let n = 0; n < 5; n++) take(`flood-${n}`, { key: 'flood' })
    take('other')
    for (let n = 0; n < 3; n++) await endOne()
    expect(started).toEqual(['first', 'flood-0', 'other', 'flood-1'])
  })

  test('come first to those who were let in before, and to the others all the same', async () => {
    const { started, take, endOne } = workAt(new Turns(1, 1000))
    take('first')
    for (let n = 0; n < 100; n++) take(`stranger-${n}`)
    for (let n = 0; n < 4; n++) take(`known-${n}`, { familiar: true })
    for (let n = 0; n < 6; n++) await endOne()
    const known = started.filter((name) => name.startsWith('known'))
    expect(known).toHaveLength(4)
    expect(started.length - known.length).toBe(3)
  })

  test('are not given to a caller who has gone', async () => {
    const turns = new Turns(1, 100)
    const { started, take, endOne } = workAt(turns)
    take('first')
    const gone = new AbortController()
    const left = take('gone', { signal: gone.signal })
    take('stays')
    expect(turns.waiting).toBe(2)
    gone.abort()
    await expect(left).rejects.toMatchObject({ code: 'CLOSED' })
    expect(turns.waiting).toBe(1)
    await endOne()
    expect(started).toEqual(['first', 'stays'])
  })

  test('are refused to a key that has half of the room, while others still find some', async () => {
    const { take } = workAt(new Turns(1, 10))
    take('first')
    for (let n = 0; n < 5; n++) take(`flood-${n}`, { key: 'flood' })
    await expect(take('flood-5', { key: 'flood' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const other = take('other')
    expect(await Promise.race([other, 'waits'])).toBe('waits')
  })

  test('are all given back when a work fails', async () => {
    const turns = new Turns(1, 10)
    await expect(
      turns.take({ key: 'a', familiar: false }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no')
    expect(await turns.take({ key: 'b', familiar: false }, async () => 'done')).toBe('done')
  })
})

describe('a throttle of logins', () => {
  test('counts the addresses of one /64 as one', () => {
    const throttle = new LoginThrottle()
    for (let n = 0; n < 50; n++) throttle.failed(`name-${n}`, `2001:db8::${n.toString(16)}`)
    expect(throttle.waitSeconds('another', '2001:db8::ffff')).toBeGreaterThan(0)
    expect(throttle.waitSeconds('another', '2001:db8:0:1::1')).toBe(0)
  })

  test('lets one try through now and then where a name is shut from one address alone', () => {
    const throttle = new LoginThrottle()
    const now = 1_000_000
    for (let n = 0; n < 10; n++) throttle.failed('web', '192.0.2.1', now)
    expect(throttle.waitSeconds('web', '192.0.2.1', now)).toBeGreaterThan(0)
    expect(throttle.mayTryAnyway('web', '192.0.2.1', now + 9000)).toBe(false)
    expect(throttle.mayTryAnyway('web', '192.0.2.1', now + 11_000)).toBe(true)
    expect(throttle.mayTryAnyway('web', '192.0.2.1', now + 12_000)).toBe(false)
  })

  test('lets no try through where the whole address is shut', () => {
    const throttle = new LoginThrottle()
    for (let n = 0; n < 50; n++) throttle.failed(`name-${n % 5}`, '192.0.2.1', 1)
    expect(throttle.mayTryAnyway('name-0', '192.0.2.1', 60_000)).toBe(false)
  })
})
