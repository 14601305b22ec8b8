import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installFiles } from '../../../src/server/install/files.js'
import { controllerUrl, scriptFor } from '../../../src/server/install/script.js'
import { builtBundle, PROGRAM } from '../../support/bundle.js'
import { temporaryFolder } from '../../support/folder.js'
import { run } from '../../support/program.js'
import { type System, startSystem } from '../../support/system.js'

const paths = ['/install.sh', `/install/${PROGRAM}`, `/install/${PROGRAM}.sha256`]

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
})
afterAll(() => system[Symbol.asyncDispose]())

describe('what installs an agent', () => {
  test('is given to all who ask: the script, the program and its hash', async () => {
    const get = async (path: string) => {
      const reply = await fetch(system.url + path)
      return { status: reply.status, type: reply.headers.get('content-type'), bytes: await bytesOf(reply) }
    }
    const [script, program, hash] = await Promise.all(paths.map(get))
    expect([script?.status, program?.status, hash?.status]).toEqual([200, 200, 200])
    expect(script?.type).toBe('text/x-shellscript; charset=utf-8')
    const built = readFileSync(join(builtBundle, PROGRAM))
    expect(program?.bytes.equals(built)).toBe(true)
    const sha256 = createHash('sha256').update(built).digest('hex')
    expect(hash?.bytes.toString()).toBe(`${sha256}  ${PROGRAM}\n`)
  })

  test.each(paths)('%s is not sent again to a cache that has it, and HEAD tells its length', async (path) => {
    const url = system.url + path
    const first = await fetch(url)
    const { length } = await bytesOf(first)
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/)
    expect(first.headers.get('cache-control')).toBe('no-cache')
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await fetch(url, { headers: { 'if-none-match': known } })
      expect([again.status, await again.text()], known).toEqual([304, ''])
    }
    const other = await fetch(url, { headers: { 'if-none-match': '"other"' } })
    expect([other.status, (await bytesOf(other)).length]).toEqual([200, length])
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, Number(head.headers.get('content-length'))]).toEqual([200, length])
  })

  test('is not there where the build did not make it, and is once it did', async () => {
    using folder = temporaryFolder()
    const files = installFiles(pathToFileURL(`${folder.path}/`))
    expect(await files()).toBeUndefined()
    const { code } = await run('cp', ['-r', `${builtBundle}.`, folder.path])
    expect(code).toBe(0)
    expect((await files())?.program.length).toBeGreaterThan(100_000)
  })

  test('is sent on to a reader that is slow for longer than a stranger may leave an answer unread', async () => {
    const socket = connect(Number(new URL(system.url).port), '127.0.0.1')
    // More than the buffers of the system take, so that something is unread all the time.
    socket.write(`GET ${paths[1]} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(40))
    let bytes = 0
    const pieces = socket[Symbol.asyncIterator]()
    for (let second = 0; second < 14; second++) {
      const enough = bytes + 1_000_000
      while (bytes < enough) {
        const { value, done } = await pieces.next()
        if (done) throw new Error(`It was ended after ${second} s and ${bytes} bytes.`)
        bytes += value.length
      }
      // The limit of the controller is a time: 10 s.
      await setTimeout(1000)
    }
    socket.destroy()
    expect(bytes).toBeGreaterThan(14_000_000)
  })
})

async function bytesOf(reply: Response): Promise<Buffer> {
  return Buffer.from(await reply.arrayBuffer())
}

describe('the address in the script', () => {
  /** The script as a controller gives it to a request with these headers. */
  async function scriptOf(to: System, headers: string[]): Promise<{ status: number; text: string }> {
    const socket = connect(Number(new URL(to.url).port), '127.0.0.1')
    socket.write(`GET /install.sh HTTP/1.1\r\n${[...headers, 'Connection: close'].join('\r\n')}\r\n\r\n`)
    const pieces: Buffer[] = []
    socket.on('data', (data: Buffer) => pieces.push(data))
    await once(socket, 'close')
    const text = Buffer.concat(pieces).toString()
    return { status: Number(text.split(' ')[1]), text }
  }
  const named = (text: string) => text.match(/^CONTROLLER_URL='(.*)'$/m)?.[1]

  test('is the one by which the script was asked for', async () => {
    expect(named(await (await fetch(`${system.url}/install.sh`)).text())).toBe(system.url)
    const { text } = await scriptOf(system, ['Host: ogent.example.com:8443'])
    expect(named(text)).toBe('http://ogent.example.com:8443')
  })

  test('is what a proxy says where that one is trusted, and where it is not what the request says', async () => {
    const headers = ['Host: inside', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: ogent.example.com']
    expect(named((await scriptOf(system, headers)).text)).toBe('http://inside')
    await using behind = await startSystem({ agent: false, controller: { TRUSTED_PROXIES: ['127.0.0.1'] } })
    expect(named((await scriptOf(behind, headers)).text)).toBe('https://ogent.example.com')
    const hostile = ['Host: inside', 'X-Forwarded-Proto: https', "X-Forwarded-Host: a';id;'"]
    expect((await scriptOf(behind, hostile)).status).toBe(400)
  })

  test('is one of ALLOWED_HOSTS', async () => {
    await using named = await startSystem({
      agent: false,
      controller: { ALLOWED_HOSTS: ['ogent.example.com'] },
    })
    expect((await scriptOf(named, ['Host: ogent.example.com'])).status).toBe(200)
    expect((await scriptOf(named, ['Host: other.example.com'])).status).toBe(403)
  })

  test.each([
    "a';touch pwned;'",
    'a$(touch pwned)',
    'a`touch pwned`',
    'a"b',
    'a b',
    'a\\',
    'a;b',
    'a/b',
    'a@b',
    'a:port',
    '[::1',
    '-a',
  ])('is never that of a hostile Host header: %s', async (host) => {
    const { status, text } = await scriptOf(system, [`Host: ${host}`])
    expect(status).toBe(400)
    expect(text).not.toContain('CONTROLLER_URL=')
  })

  test('means nothing to a shell, for any text that a request names as its host', async () => {
    using folder = temporaryFolder()
    const hosts: string[] = []
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webAuthority({ withPort: true }),
          fc.ipV6().map((ip) => `[${ip}]`),
        ),
        (host) => {
          try {
            hosts.push(controllerUrl({ protocol: 'https', host }))
          } catch {
            // Refused, as most texts are.
          }
        },
      ),
      { numRuns: 3000 },
    )
    expect(hosts.length).toBeGreaterThan(100)
    const lines = hosts.map((url) => scriptFor(url, "printf '%s\\n' '@CONTROLLER_URL@'"))
    const said = await run('sh', ['-c', lines.join('\n')], { cwd: folder.path })
    expect(said).toEqual({ code: 0, stdout: hosts.map((url) => `${url}\n`).join(''), stderr: '' })
  })
})
