import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '../support/browser.js'
import { needs } from '../support/services.js'
import { type System, startSystem } from '../support/system.js'

describe.skipIf(needs('chromium'))('the page of an error in a browser without JavaScript', () => {
  let system: System
  let browser: Browser
  beforeAll(async () => {
    system = await startSystem({ agent: false })
    browser = await Browser.start({ javaScriptEnabled: false })
  })
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await system?.[Symbol.asyncDispose]()
  })

  test.each([
    ['light', 'rgb(31, 35, 40)', 'rgb(255, 255, 255)'],
    ['dark', 'rgb(230, 237, 243)', 'rgb(13, 17, 23)'],
  ] as const)('is readable when the system is %s, and loads nothing', async (colorScheme, text, back) => {
    const { page, asked, complaints } = await browser.open('about:blank')
    await page.emulateMedia({ colorScheme })
    await page.goto(`${system.url}/docs/errors`)
    await page.getByRole('link', { name: 'AGENT_OFFLINE' }).click()
    await page.getByRole('heading', { name: 'What to do next' }).waitFor()
    expect(page.url()).toBe(`${system.url}/docs/errors/agent-offline`)
    const colours = await page.evaluate<string[]>(
      '[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]',
    )
    expect(colours).toEqual([text, back])
    expect(asked.map((url) => url.replace(system.url, ''))).toEqual([
      '/docs/errors',
      '/docs/errors/agent-offline',
    ])
    expect(complaints).toEqual([])
    await page.close()
  })
})
