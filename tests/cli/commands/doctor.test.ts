import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, type OgentOptions, ogent } from '../../support/ogent.js'
import { until } from '../../support/processes.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
  const gone = await system.addAgent('gone')
  await gone.stop({ drainMs: 0 })
  const viewer = system.client('viewer')
  await until('one is offline', async () => (await viewer.agents.get('gone')).status === 'disconnected')
})
afterAll(() => system[Symbol.asyncDispose]())

type Found = { check: string; state: string; says: string; fix: string | null }

async function doctor(options: OgentOptions = {}): Promise<{ code: number | null; found: Found[] }> {
  const { code, stdout, stderr } = await ogent(system, ['doctor', '--json'], { as: 'viewer', ...options })
  expect(stderr).toBe('')
  // As the command writes them.
  return { code, found: jsonLines(stdout) as Found[] }
}
const states = (found: Found[]) => found.map(({ check, state }) => `${check} ${state}`)

describe('ogent doctor', () => {
  test('looks at each part, and warns of an agent that is offline', async () => {
    const { code, found } = await doctor()
    expect(code).toBe(0)
    expect(states(found)).toEqual([
      'address ok',
      'encryption ok',
      'clock ok',
      'version ok',
      'store ok',
      'login ok',
      expect.stringMatching(/^disk (ok|warn)$/),
      'agents warn',
    ])
    expect(found.at(-1)).toMatchObject({
      says: '1 of 2 are offline: gone',
      fix: expect.stringContaining('forget'),
    })
    const { stdout } = await ogent(system, ['doctor'], { as: 'viewer' })
    expect(stdout).toMatch(/^ok {4}address +http:.*\nok {4}encryption +none, on this machine alone\n/)
    expect(stdout).toMatch(/\nwarn {2}agents +1 of 2 are offline: gone\n {18}Start them/)
  })

  test('says what to do where there is no controller, and exits with 1', async () => {
    const { code, found } = await doctor({ env: { OGENT_URL: 'http://127.0.0.1:1' } })
    expect(code).toBe(1)
    expect(found).toMatchObject([{ check: 'address', state: 'fail', fix: expect.stringContaining('--url') }])
  })

  test('knows a server that is no controller, and a clock that is off', async () => {
    const server = createServer((request, reply) => {
      reply.setHeader('date', new Date(Date.now() - 90_000).toUTCString())
      if (request.url === '/') reply.end(JSON.stringify({ message: 'hi', version: '0.1.0' }))
      else reply.writeHead(404).end('{}')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    // It listens on a port.
    const { port } = server.address() as AddressInfo
    try {
      const { code, found } = await doctor({ env: { OGENT_URL: `http://127.0.0.1:${port}` } })
      expect(code).toBe(1)
      expect(found.find(({ check }) => check === 'clock')).toMatchObject({
        state: 'fail',
        says: expect.stringMatching(/^the controller's is (8\d|90)\.\d s behind$/),
        fix: expect.stringContaining('NTP'),
      })
      const elsewhere = await doctor({ env: { OGENT_URL: `http://127.0.0.1:${port}/elsewhere` } })
      expect(elsewhere.found).toMatchObject([
        { check: 'address', state: 'fail', says: expect.stringContaining('no controller') },
      ])
    } finally {
      server.close()
    }
  })

  test('says what to do without a login, after all that needs none', async () => {
    const { code, found } = await doctor({ as: 'nobody' })
    expect(code).toBe(1)
    expect(states(found).slice(-2)).toEqual(['store ok', 'login fail'])
    expect(found.at(-1)?.fix).toContain('ogent login')
  })

  test('looks at the certificate, and at whether it is trusted', async () => {
    const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
      keySize: 2048,
      notAfterDate: new Date(Date.now() + 10.5 * 86_400_000),
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    })
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(system.folder, name))
    if (!cert || !key) throw new Error('There are two.')
    writeFileSync(cert, pair.cert)
    writeFileSync(key, pair.private)
    await using secured = await startSystem({ controller: { TLS_CERT: cert, TLS_KEY: key }, agent: false })
    const trusting = await doctor({ env: { OGENT_URL: secured.url, OGENT_CA: cert } })
    expect(trusting.found[1]).toMatchObject({
      check: 'encryption',
      state: 'warn',
      says: 'TLS, with a certificate for 10 more days',
      fix: expect.stringContaining('TLS_CERT'),
    })
    const doubting = await doctor({ env: { OGENT_URL: secured.url } })
    expect(doubting).toMatchObject({
      code: 1,
      found: [{ check: 'address', state: 'fail', fix: expect.stringContaining('OGENT_CA=FILE') }],
    })
  }, 120_000)
})
