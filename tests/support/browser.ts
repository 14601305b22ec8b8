import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { programPath } from './services.js'

/** A Chromium of this machine, without a window; `await using` ends it. */
export class Browser {
  private constructor(readonly context: BrowserContext) {}

  static async start(options: BrowserContextOptions = {}): Promise<Browser> {
    const browser = await chromium.launch({
      executablePath: programPath('chromium') ?? 'chromium',
      // Its own sandbox needs rights that containers and root do not have; the pages are this repository's.
      chromiumSandbox: false,
      // A browser that reports home would ask the network at every start.
      args: [
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-quic',
      ],
    })
    const context = await browser.newContext(options)
    // Less than a test has, so that its failure names what did not come.
    context.setDefaultTimeout(60_000)
    return new Browser(context)
  }

  /** A new page at an address, and what went wrong on it so far. */
  async open(url: string): Promise<OpenPage> {
    const page = await this.context.newPage()
    const opened: OpenPage = { page, asked: [], complaints: [] }
    page.on('request', (request) => opened.asked.push(request.url()))
    page.on('pageerror', (error) => opened.complaints.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') opened.complaints.push(message.text())
    })
    await page.goto(url)
    return opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.browser()?.close()
  }
}

export type OpenPage = {
  page: Page
  /** Every address that the page asked for. */
  asked: string[]
  /** Errors of its console, refusals of its content security policy among them, and what its scripts threw. */
  complaints: string[]
}

/** A site of its own on loopback: one page that runs one script. */
export async function servePage(script: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((request, reply) => {
    const isScript = request.url === '/script.js'
    reply.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    reply.end(
      isScript ? script : '<!doctype html><link rel="icon" href="data:,"><script src="/script.js"></script>',
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
