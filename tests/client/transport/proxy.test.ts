import { afterEach, describe, expect, test, vi } from 'vitest'
import { proxyFor } from '../../../src/client/transport/proxy.js'

afterEach(() => {
  vi.unstubAllEnvs()
})

function proxyOf(address: string, env: Record<string, string>) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  return proxyFor(new URL(address))
}

const PROXY = 'http://proxy.example:3128'

describe('the proxy for an address', () => {
  test.each([
    ['https://c.example', { HTTPS_PROXY: PROXY }, 'HTTPS_PROXY'],
    ['wss://c.example/trpc', { HTTPS_PROXY: PROXY }, 'HTTPS_PROXY'],
    ['https://c.example', { https_proxy: PROXY }, 'https_proxy'],
    ['https://c.example', { https_proxy: PROXY, HTTPS_PROXY: 'http://other.example' }, 'https_proxy'],
    ['https://c.example', { https_proxy: '', HTTPS_PROXY: PROXY }, 'HTTPS_PROXY'],
    ['http://c.example', { HTTP_PROXY: PROXY }, 'HTTP_PROXY'],
    ['ws://c.example', { http_proxy: PROXY }, 'http_proxy'],
    ['http://127.0.0.1:8001', { HTTP_PROXY: PROXY }, 'HTTP_PROXY'],
    ['http://localhost:8001', { HTTP_PROXY: PROXY }, 'HTTP_PROXY'],
  ])('%s goes by the variable of its scheme, in either case: %o', (address, env, variable) => {
    expect(proxyOf(address, env)).toMatchObject({ namedBy: variable, url: new URL(PROXY) })
  })

  test.each([
    ['https://c.example', {}],
    ['https://c.example', { HTTP_PROXY: PROXY }],
    ['http://c.example', { HTTPS_PROXY: PROXY }],
    ['https://c.example', { HTTPS_PROXY: ' ' }],
    // It often names a SOCKS proxy, for programs of another kind.
    ['https://c.example', { ALL_PROXY: 'socks5://proxy.example:1080' }],
  ])('%s goes directly where no variable is for it: %o', (address, env) => {
    expect(proxyOf(address, env)).toBeUndefined()
  })

  test.each([
    ['c.example', true],
    ['C.example', true],
    ['other.example,c.example', true],
    ['other.example c.example', true],
    ['.example', true],
    ['*.example', true],
    ['*', true],
    ['c.example:8443', true],
    ['c.example:443', false],
    ['example', false],
    ['xc.example', false],
    ['', false],
  ])('NO_PROXY of %j takes https://c.example:8443 out: %s', (list, direct) => {
    for (const scheme of ['https', 'wss']) {
      for (const name of ['NO_PROXY', 'no_proxy']) {
        const proxy = proxyOf(`${scheme}://c.example:8443`, { HTTPS_PROXY: PROXY, [name]: list })
        expect(proxy === undefined, `${scheme}, ${name}`).toBe(direct)
        vi.unstubAllEnvs()
      }
    }
  })

  test('the port that a scheme has by itself counts for NO_PROXY', () => {
    const env = { HTTPS_PROXY: PROXY, NO_PROXY: 'c.example:443,[::1]:8443' }
    expect(proxyOf('wss://c.example/trpc', env)).toBeUndefined()
    expect(proxyOf('https://[::1]:8443', env)).toBeUndefined()
    expect(proxyOf('https://[::1]', env)).toBeDefined()
  })
})

describe('the address of a proxy', () => {
  const authorization = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`

  test.each([
    ['http://proxy.example:3128', undefined],
    ['http://ada:secret@proxy.example:3128', 'ada:secret'],
    ['http://ada:p%40ss%3a%25@proxy.example:3128', 'ada:p@ss:%'],
    ['http://ada:100%@proxy.example:3128', 'ada:100%'],
    ['http://ada@proxy.example:3128', 'ada:'],
    ['http://ada:gr%C3%BC%C3%9Fe@proxy.example:3128/', 'ada:grüße'],
  ])('%s is split into what is shown and what is sent', (text, credentials) => {
    const proxy = proxyOf('https://c.example', { HTTPS_PROXY: text })
    expect(proxy?.url.href).toBe('http://proxy.example:3128/')
    expect(proxy?.authorization).toBe(credentials && authorization(credentials))
  })

  test('without a scheme it is one that speaks HTTP, for https targets too', () => {
    const proxy = proxyOf('https://c.example', { HTTPS_PROXY: 'ada:secret@proxy.example:3128' })
    expect(proxy).toMatchObject({
      url: new URL('http://proxy.example:3128'),
      authorization: authorization('ada:secret'),
    })
  })

  test.each(['socks5://ada:hush@proxy.example:1080', 'http://ada:hush@proxy:port', 'http://', 'ftp://proxy'])(
    '%s is refused with the variable, and without a password',
    (text) => {
      const act = () => proxyOf('https://c.example', { HTTPS_PROXY: text })
      expect(act).toThrow(expect.objectContaining({ code: 'CONNECTION_LOST' }))
      expect(act).toThrow(/^HTTPS_PROXY takes the http:\/\/ or https:\/\/ address of a proxy/)
      expect(act).not.toThrow(/hush/)
    },
  )
})
