import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as Sdk from '../../src/client/index.js'
import { Browser, type OpenPage, servePage } from '../support/browser.js'
import { TcpProxy } from '../support/proxy.js'
import { repository } from '../support/samples.js'
import { needs } from '../support/services.js'
import { type System, startSystem } from '../support/system.js'

/** What the page's script leaves there for what is run inside the page, which sees nothing of this file. */
type InPage = { Ogent: typeof Sdk; client: Sdk.OgentClient }

describe.skipIf(needs('chromium'))('ogent/client in a web page of another origin', () => {
  let system: System
  let browser: Browser
  let proxy: TcpProxy
  let site: Awaited<ReturnType<typeof servePage>>
  let stranger: Awaited<ReturnType<typeof servePage>>
  let opened: OpenPage

  beforeAll(async () => {
    const script = await bundle()
    site = await servePage(script)
    stranger = await servePage(script)
    system = await startSystem({ controller: { CORS_ORIGINS: [site.url] } })
    proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
    browser = await Browser.start()
    opened = await browser.open(site.url)
    await opened.page.evaluate(
      ([url, token]) => {
        const page = globalThis as unknown as InPage
        page.client = page.Ogent.createOgentClient({ url, token })
      },
      [proxy.url, await system.token('operator')] as const,
    )
  })
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
    await system?.[Symbol.asyncDispose]()
    await site?.[Symbol.asyncDispose]()
    await stranger?.[Symbol.asyncDispose]()
  })

  test('runs a command and sees its output while it runs', async () => {
    const seen = await opened.page.evaluate(async () => {
      const { client } = globalThis as unknown as InPage
      const pipe = `/tmp/ogent-${crypto.randomUUID()}`
      const command = `mkfifo ${pipe}; printf "grüße\\n"; read go < ${pipe}; rm ${pipe}; cat; echo careful >&2; exit 3`
      const run = client.execute({ agent_id: 'agent-1', command, stdin: 'and this\n' })
      const parts: string[] = []
      for await (const { stream, data } of run.output) {
        // The command waits for what its first output sets off: it came while the command ran.
        if (parts.length === 0) await client.execute({ agent_id: 'agent-1', command: `echo go > ${pipe}` })
        parts.push(`${stream}: ${new TextDecoder().decode(data)}`)
      }
      const { status, exit_code } = await run
      return { parts, status, exit_code }
    })
    expect(seen.parts).toEqual(['stdout: grüße\n', 'stdout: and this\n', 'stderr: careful\n'])
    expect(seen).toMatchObject({ status: 'error', exit_code: 3 })
  })

  test('receives all of 20 MB', async () => {
    const seen = await opened.page.evaluate(async () => {
      const { client } = globalThis as unknown as InPage
      const run = client.execute({ agent_id: 'agent-1', command: 'seq 1 3000000 | head -c 20000000' })
      const parts: Uint8Array<ArrayBuffer>[] = []
      for await (const { data } of run.output) parts.push(new Uint8Array(data))
      const bytes = await new Blob(parts).arrayBuffer()
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
      const { stdout_sha256 } = await run
      return { length: bytes.byteLength, digest: [...digest], stdout_sha256 }
    })
    expect(seen.length).toBe(20_000_000)
    const expected = createHash('sha256').update(firstNumbers(20_000_000)).digest('hex')
    expect(Buffer.from(seen.digest).toString('hex')).toBe(expected)
    expect(seen.stdout_sha256).toBe(expected)
  })

  test('loses no output when its connection breaks', async () => {
    const lines = opened.page.evaluate(async () => {
      const { client } = globalThis as unknown as InPage
      const run = client.execute({
        agent_id: 'agent-1',
        command: 'for i in $(seq 1 30); do echo $i; sleep 0.1; done',
      })
      let text = ''
      for await (const part of run.stdout) text += part
      return { text, status: (await run).status }
    })
    for (let cut = 0; cut < 3; cut++) {
      await new Promise((resolve) => setTimeout(resolve, 700))
      proxy.cut()
    }
    expect(proxy.broken).toBeGreaterThanOrEqual(3)
    const expected = Array.from({ length: 30 }, (_, i) => `${i + 1}\n`).join('')
    expect(await lines).toEqual({ text: expected, status: 'success' })
  })

  test('cancels a command, and throws errors with their code', async () => {
    const seen = await opened.page.evaluate(async () => {
      const { client, Ogent } = globalThis as unknown as InPage
      const run = client.execute({ agent_id: 'agent-1', command: 'echo up; sleep 60' })
      for await (const _ of run.output) break
      await run.cancel()
      const { status } = await run
      const error = await client.agents.get('nobody').catch((thrown: unknown) => thrown)
      return { status, code: error instanceof Ogent.OgentError ? error.code : String(error) }
    })
    expect(seen).toEqual({ status: 'cancelled', code: 'AGENT_NOT_FOUND' })
  })

  test('is refused when CORS_ORIGINS does not list its page', async () => {
    const { page } = await browser.open(stranger.url)
    const seen = await page.evaluate(
      async ([url, token]) => {
        const { Ogent } = globalThis as unknown as InPage
        const client = Ogent.createOgentClient({ url, token, connectTimeoutMs: 2000 })
        const error = await client.execute({ agent_id: 'agent-1', command: 'true' }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        return error instanceof Ogent.OgentError
          ? { code: error.code, message: error.message }
          : String(error)
      },
      [system.url, await system.token('operator')] as const,
    )
    expect(seen).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('CORS_ORIGINS') })
    const { commands } = await system.client().commands.list({ q: 'true' })
    expect(commands.filter(({ command }) => command === 'true')).toEqual([])
  })
})

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(repository, 'dist/client/index.js')],
    absWorkingDir: repository,
    bundle: true,
    format: 'iife',
    globalName: 'Ogent',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  })
  return outputFiles.map(({ text }) => text).join('\n')
}

/** What `seq 1 3000000` begins with. */
function firstNumbers(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => `${i + 1}\n`).join('')).subarray(0, bytes)
}
