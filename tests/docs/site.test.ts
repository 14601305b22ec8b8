import { posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { groups, notesOf, pages, sourceOf, titleOf } from '../../packaging/site/guides.js'
import { Browser } from '../support/browser.js'
import { readRepository } from '../support/samples.js'
import { needs } from '../support/services.js'
import { type ServedSite, startSite } from '../support/site.js'

let site: ServedSite
beforeAll(async () => {
  site = await startSite()
}, 600_000)
afterAll(() => site?.[Symbol.asyncDispose]())

const html = () => site.files.filter((file) => file.endsWith('.html'))

describe('the site of the guides', () => {
  test('has a page for each guide, with its heading as title', () => {
    for (const page of pages) {
      const text = site.text(`${page}.html`)
      const title = titleOf(readRepository(sourceOf(page)))
      expect(text.match(/<title>(.*?)<\/title>/)?.[1], page).toBe(`${escaped(title)} | Ogent`)
      expect(text, page).toMatch(/<h1 [^>]*>/)
    }
    for (const file of html()) expect(site.text(file), file).toMatch(/<title>[^<]+<\/title>/)
  })

  test('has a reference of both modules of the SDK', () => {
    const client = site.text('typescript/client.html')
    for (const name of ['createOgentClient', 'CommandRun', 'OgentError']) expect(client).toContain(name)
    expect(site.text('typescript/shared.html')).toContain('CommandRequest')
  })

  test('has no link that leads nowhere, and no anchor that is not there', () => {
    const ids = new Map(html().map((file) => [file, new Set(attributes(site.text(file), 'id'))]))
    const wrong: string[] = []
    let followed = 0
    for (const file of html()) {
      for (const link of attributes(site.text(file), 'href')) {
        if (/^(https?:|mailto:|data:)/.test(link)) continue
        const { pathname, hash } = new URL(link, `http://site/docs/${file}`)
        if (pathname === '/docs/api/') continue
        followed += 1
        const path = decodeURI(pathname)
          .replace(/^\/docs\//, '')
          .replace(/(^|\/)$/, '$1index.html')
        const there = site.files.includes(path)
        const anchor = decodeURIComponent(hash.slice(1))
        if (!there || (anchor !== '' && !ids.get(path)?.has(anchor))) wrong.push(`${file}: ${link}`)
      }
    }
    expect(followed).toBeGreaterThan(1000)
    expect(wrong).toEqual([])
  })

  test('loads nothing from elsewhere', () => {
    for (const file of html()) {
      const text = site.text(file)
      const loaded = [
        ...attributes(text, 'src'),
        ...(text.match(/<link [^>]*>/g) ?? []).flatMap((tag) => attributes(tag, 'href')),
      ]
      expect(loaded.length, file).toBeGreaterThan(2)
      for (const address of loaded) expect(address, file).toMatch(/^(\/docs\/|data:)/)
    }
    const styles = site.files.filter((file) => file.endsWith('.css')).map((file) => site.text(file))
    expect(styles.length).toBeGreaterThan(0)
    for (const style of styles) expect(style).not.toMatch(/@import|url\(["']?https?:/)
  })

  test('has an index for its search, with words of the guides and of the tables', () => {
    const chunks = site.files.filter((file) => /localSearchIndex/.test(file) && file.endsWith('.js'))
    expect(chunks).toHaveLength(1)
    const index = site.text(chunks[0] ?? '')
    // A setting is several words to it.
    const words = ['plaintext', 'deliver', 'cloned', 'sha256', 'createogentclient', 'throwonerror']
    expect(words.filter((word) => !index.includes(`["${word}",`))).toEqual([])
  })

  test('shows the picture of the README, with its description', () => {
    const [tag = ''] =
      site.text('index.html').match(/<img[^>]*\/pictures\/[^>]*>|<img[^>]*assets\/ogent[^>]*>/) ?? []
    const [alt] = attributes(tag, 'alt')
    const [src = ''] = attributes(tag, 'src')
    expect(alt).toContain('ogent agents lists three agents')
    expect(site.text(posix.relative('/docs', src))).toContain('<svg')
  })
})

describe('a controller', () => {
  test.each([
    ['/docs/', 'text/html; charset=utf-8', 'no-cache'],
    ['/docs/quick-start.html', 'text/html; charset=utf-8', 'no-cache'],
    ['/docs/quick-start.md', 'text/markdown; charset=utf-8', 'no-cache'],
    ['/docs/logo.svg', 'image/svg+xml; charset=utf-8', 'no-cache'],
    ['/docs/examples/curl.sh', 'text/plain; charset=utf-8', 'no-cache'],
    ['/docs/llms-full.txt', 'text/plain; charset=utf-8', 'no-cache'],
    ['/llms.txt', 'text/plain; charset=utf-8', 'no-cache'],
  ])('serves %s as %s to anyone, once', async (path, type, caching) => {
    const reply = await fetch(`${site.url}${path}`)
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toBe(type)
    expect(reply.headers.get('cache-control')).toBe(caching)
    expect(reply.headers.get('content-encoding')).toBe('gzip')
    const text = await reply.text()
    expect(text.length).toBeGreaterThan(100)
    const plain = await fetch(`${site.url}${path}`, { headers: { 'accept-encoding': 'identity' } })
    expect(plain.headers.get('content-encoding')).toBeNull()
    expect(await plain.text()).toBe(text)
    const etag = reply.headers.get('etag') ?? ''
    const again = await fetch(`${site.url}${path}`, { headers: { 'if-none-match': etag } })
    expect([again.status, await again.text()]).toEqual([304, ''])
    const head = await fetch(`${site.url}${path}`, { method: 'HEAD' })
    expect([head.status, head.headers.get('etag')]).toEqual([200, etag])
  })

  test('lets caches keep what has its hash in its name, and serves every file of the site', async () => {
    for (const file of site.files.filter((one) => one !== 'site.json')) {
      const reply = await fetch(`${site.url}/docs/${file}`)
      expect(reply.status, file).toBe(200)
      expect(reply.headers.get('content-type'), file).not.toContain('octet-stream')
      const lasting = file.startsWith('assets/')
      expect(reply.headers.get('cache-control'), file).toBe(
        lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
      )
      await reply.arrayBuffer()
    }
  })

  test('allows the scripts inside its pages by their hashes, and others by no rule', async () => {
    const policy = (await fetch(`${site.url}/docs/`)).headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toMatch(/script-src 'self'( 'sha256-[\w+/]+=')+;/)
    expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*unsafe-inline/)
  })

  test('leads to the page from the addresses that people type', async () => {
    const target = async (path: string) => {
      const reply = await fetch(`${site.url}${path}`, { redirect: 'manual' })
      return [reply.status, reply.headers.get('location')]
    }
    expect(await target('/docs')).toEqual([302, '/docs/'])
    expect(await target('/docs/settings')).toEqual([302, '/docs/settings.html'])
    expect(await target('/docs/typescript/client')).toEqual([302, '/docs/typescript/client.html'])
  })

  test('keeps its own pages below the same address', async () => {
    expect(await (await fetch(`${site.url}/docs/api/`)).text()).toContain('swagger-ui')
    expect(await (await fetch(`${site.url}/docs/errors/agent-offline`)).text()).toContain('AGENT_OFFLINE')
    expect(await (await fetch(`${site.url}/docs/errors`)).text()).toContain('Retry helps')
  })

  test('answers 404 with a page for people, and with a problem for programs', async () => {
    const page = await fetch(`${site.url}/docs/nothing`, { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
    expect(page.headers.get('content-security-policy')).toContain('sha256-')
    const problem = await fetch(`${site.url}/docs/nothing`)
    expect(problem.status).toBe(404)
    expect(await problem.json()).toMatchObject({
      code: 'NOT_FOUND',
      detail: 'There is no page "nothing" in the guides: /docs/ leads to all of them.',
    })
    expect((await fetch(`${site.url}/docs/settings.html`, { method: 'POST' })).status).toBe(405)
  })

  test.each([
    '/docs/..%2f..%2fpackage.json',
    '/docs/%2e%2e%2f%2e%2e%2fpackage.json',
    '/docs/assets/..%2f..%2fcli/main.js',
    '/docs/..%5c..%5cpackage.json',
    '/docs/%2fetc%2fpasswd',
    '/docs/site.json',
    '/docs/__proto__',
    '/docs/index.html%00',
  ])('gives no file that is not of the site: %s', async (path) => {
    expect((await fetch(`${site.url}${path}`)).status).toBe(404)
  })
})

describe('llms.txt', () => {
  test('names every guide, with what it is for, at an address that gives it as Markdown', async () => {
    const text = await (await fetch(`${site.url}/llms.txt`)).text()
    expect(await (await fetch(`${site.url}/docs/llms.txt`)).text()).toBe(text)
    expect(text).toMatch(/^# Ogent\n\n> .+\n\n/)
    expect(text.match(/^## .+/gm)).toEqual([
      '## Start',
      '## Guides',
      '## Reference',
      '## Operate',
      '## Optional',
    ])
    const links = [...text.matchAll(/^- \[(.+?)\]\((\/docs\/.+?\.md)\): (.+\.)$/gm)]
    expect(links.map(([, , path]) => path)).toEqual(pages.map((page) => `/docs/${page}.md`))
    for (const [, title = '', path] of links) {
      const reply = await fetch(`${site.url}${path}`)
      expect(titleOf(await reply.text())).toBe(title)
    }
  })

  test('leads to all guides in one', async () => {
    const text = await (await fetch(`${site.url}/docs/llms-full.txt`)).text()
    for (const page of groups.filter(({ title }) => title !== 'Develop').flatMap((group) => group.pages)) {
      expect(text).toContain(`\n# ${readRepository(sourceOf(page)).match(/^# (.+)$/m)?.[1]}\n`)
    }
    expect(text).not.toMatch(/\]\(\.\.\//)
  })
})

test('the Docker image is built of all that the site is made of', () => {
  const [, builder = ''] = readRepository('docker/Dockerfile').split(/^FROM .*$/m)
  const copied = [...builder.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) =>
    names.split(' '),
  )
  const sent = [...readRepository('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, name]) => name)
  const sources = [
    'src',
    'packaging',
    'README.md',
    '.env.example',
    'tsconfig.build.json',
    ...pages.map(sourceOf),
  ]
  for (const source of sources) {
    const [root = ''] = source.split('/')
    expect(copied, source).toContain(root)
    expect(sent, source).toContain(root)
  }
})

test('every page has its purpose in the table of docs/README.md', () => {
  const notes = notesOf(readRepository('docs/README.md'))
  expect(pages.filter((page) => !notes.has(page))).toEqual([])
})

describe.skipIf(needs('chromium'))('the site in a browser', () => {
  test.each(['light', 'dark'] as const)(
    'works under its policy, with its search, in %s',
    async (colorScheme) => {
      await using browser = await Browser.start({ colorScheme })
      const { page, asked, complaints } = await browser.open(`${site.url}/docs/`)
      expect(await page.locator('html.dark').count()).toBe(colorScheme === 'dark' ? 1 : 0)
      await page.locator('.VPSidebar, .VPHero').first().waitFor()
      await page.locator('.DocSearch-Button').click()
      await page.locator('#localsearch-input').fill('METRICS_TOKEN')
      await page.locator('#localsearch-list a').first().click()
      await page.waitForURL(/\/docs\/[\w/-]+\.html#?/)
      await page.locator('.VPDoc h1').waitFor()
      await page.goto(`${site.url}/docs/no-such-page`)
      await page.getByText('There is no such page').waitFor()
      expect(asked.filter((url) => !url.startsWith(site.url) && !url.startsWith('data:'))).toEqual([])
      // Of the page that is not there, the browser says so itself.
      expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
    },
  )
})

function attributes(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`<[a-z][^>]*\\s${name}="([^"]*)"`, 'g'))].map(([, value = '']) =>
    unescaped(value),
  )
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function unescaped(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
