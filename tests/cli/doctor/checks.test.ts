import { describe, expect, test } from 'vitest'
import { checkClock, checkDisk, checkStore } from '../../../src/cli/doctor/controller-checks.js'
import { checkAgents, checkVersions } from '../../../src/cli/doctor/version-checks.js'
import type { Agent } from '../../../src/shared/agents/agent.js'

const answer = (of: object) => ({ status: 200, text: '', roundTripMs: 5, clockMs: 0, ...of })

describe('a check of the clock', () => {
  test.each([
    [0, 'ok'],
    [1900, 'ok'],
    [2000, 'warn'],
    [-2000, 'warn'],
    [59_999, 'warn'],
    [-60_000, 'fail'],
    [undefined, 'skip'],
  ] as const)('finds for %s ms: %s', (clockMs, state) => {
    const finding = checkClock(answer({ clockMs }))
    expect(finding.state).toBe(state)
    expect(finding.fix !== undefined).toBe(state === 'warn' || state === 'fail')
  })

  test('says which clock is ahead', () => {
    expect(checkClock(answer({ clockMs: 5000 })).says).toBe("the controller's is 5.0 s ahead")
    expect(checkClock(answer({ clockMs: -5000 })).says).toBe("the controller's is 5.0 s behind")
  })
})

describe('a check of the disk', () => {
  const metrics = (free: string, size: string) =>
    answer({ text: `# HELP x\nogent_data_free_bytes ${free}\nogent_data_size_bytes ${size}\n` })
  test.each([
    ['50000000000', '100000000000', 'ok'],
    ['20000000000', '900000000000', 'ok'],
    ['9000000000', '100000000000', 'warn'],
    ['200000000', '1000000000', 'ok'],
    ['99999999', '100000000', 'fail'],
    ['NaN', 'NaN', 'skip'],
  ])('finds for %s of %s bytes: %s', (free, size, state) => {
    expect(checkDisk(metrics(free, size)).state).toBe(state)
  })

  test('knows nothing of a controller that does not say, or may not be asked', () => {
    expect(checkDisk(answer({})).state).toBe('skip')
    expect(checkDisk(answer({ status: 403 })).state).toBe('skip')
  })
})

describe('a check of the versions', () => {
  test.each([
    ['1.4.0', '1.4.0', 'ok'],
    ['1.4.0', '1.4.9', 'warn'],
    ['1.4.0', '1.5.0', 'warn'],
    ['1.4.0', '1.6.0', 'fail'],
    ['2.0.0', '1.9.0', 'fail'],
  ])('finds for %s beside %s: %s', (own, controller, state) => {
    expect(checkVersions(own, controller).state).toBe(state)
  })

  test('names the part to renew', () => {
    expect(checkVersions('1.4.0', '1.5.0').fix).toContain('Renew this program')
    expect(checkVersions('1.5.0', '1.4.0').fix).toContain('Renew the controller')
  })
})

describe('a check of the agents', () => {
  const agent = (agent_id: string, agent_version: string, of: object = {}, info: object = {}) =>
    // Only what the check looks at.
    ({ agent_id, status: 'connected', agent_info: { agent_version, ...info }, ...of }) as Agent

  test('names those that are offline, older than the controller, or without their SSH target', () => {
    const agents = [
      agent('a', '1.4.0'),
      agent('b', '1.3.9'),
      agent('c', '1.4.0', { status: 'disconnected' }),
      agent('d', '1.4.0', {}, { ssh_status: 'unavailable', ssh_target: 'u@h:22', ssh_error: 'No route.' }),
    ]
    expect(checkAgents(agents, '1.4.0').map(({ state, says }) => [state, says])).toEqual([
      ['warn', '1 of 4 are offline: c'],
      ['warn', '1 are older than the controller (1.4.0): b (1.3.9)'],
      ['warn', 'd does not reach u@h:22: No route.'],
    ])
  })

  test('names five at most, and says how many more there are', () => {
    const agents = Array.from({ length: 9 }, (_, at) => agent(`a-${at}`, '1.0.0'))
    expect(checkAgents(agents, '1.0.1').at(-1)?.says).toMatch(
      /a-0 \(1\.0\.0\), .*a-4 \(1\.0\.0\), and 4 more$/,
    )
    expect(checkAgents(agents, '1.0.0')).toMatchObject([{ state: 'ok', says: 'all 9 are connected' }])
    expect(checkAgents(agents.slice(0, 1), '1.0.0')).toMatchObject([{ says: 'the only one is connected' }])
    expect(checkAgents([], '1.0.0')).toMatchObject([{ state: 'ok', says: 'none is known yet' }])
  })
})

test('a store that is not ready is named with its cause', () => {
  const text = JSON.stringify({
    status: 'unavailable',
    dependencies: { redis: 'ECONNREFUSED', journal: 'ready' },
  })
  expect(checkStore(answer({ status: 503, text }))).toMatchObject([
    { state: 'fail', says: 'redis: ECONNREFUSED', fix: expect.stringContaining('REDIS_URL') },
    { state: 'ok' },
  ])
  expect(checkStore(answer({ text: '<html>' }))).toMatchObject([{ state: 'skip' }])
})
