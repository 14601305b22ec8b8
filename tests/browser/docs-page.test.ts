import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser, type OpenPage } from '../support/browser.js'
import { needs } from '../support/services.js'
import { accounts, type System, startSystem } from '../support/system.js'

describe.skipIf(needs('chromium'))('/docs/api in a browser', () => {
  let system: System
  let browser: Browser
  let opened: OpenPage
  beforeAll(async () => {
    system = await startSystem()
    browser = await Browser.start()
    opened = await browser.open(`${system.url}/docs`)
  })
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await system?.[Symbol.asyncDispose]()
  })

  /** Opens an operation; its fields are ready to be filled. */
  async function openOperation(method: string, path: string) {
    const summary = opened.page.locator(`[data-path="${path}"]`)
    const operation = opened.page.locator(`.opblock-${method}`, { has: summary })
    await operation.locator('.opblock-summary-control').click()
    return operation
  }

  test('shows every operation and sends requests to the controller alone', async () => {
    const { page, asked, complaints } = opened
    await page.locator('.opblock').first().waitFor()
    const { paths } = (await (await fetch(`${system.url}/openapi.json`)).json()) as { paths: object }
    const operations = Object.values(paths).flatMap((path: object) => Object.keys(path))
    expect(await page.locator('.opblock').count()).toBe(operations.length)
    expect(asked.filter((url) => !url.startsWith(system.url) && !url.startsWith('data:'))).toEqual([])
    expect(complaints).toEqual([])
  })

  test('logs in and runs a command when a user clicks through it', async () => {
    const { page, asked, complaints } = opened
    await page.getByRole('button', { name: 'Authorize' }).click()
    const login = page.locator('.auth-container', { hasText: 'password' }).first()
    await login.locator('#oauth_username').fill(accounts.operator.username)
    await login.locator('#oauth_password').fill(accounts.operator.password)
    await login.locator('button.authorize', { hasText: 'Authorize' }).click()
    await login.locator('button', { hasText: 'Logout' }).waitFor()
    await login.locator('button', { hasText: 'Close' }).click()

    const execute = await openOperation('post', '/agents/{agent_id}/execute')
    await execute.locator('tr[data-param-name="agent_id"] input').fill('agent-1')
    await execute.locator('textarea').fill(JSON.stringify({ command: 'echo "clicked $((6 * 7))"; exit 3' }))
    await execute.getByRole('button', { name: 'Execute', exact: true }).click()
    const answer = execute.locator('.live-responses-table')
    await answer.waitFor()
    const text = await answer.innerText()
    expect(text).toContain('clicked 42')
    expect(text).toMatch(/"exit_code": 3/)
    expect(asked.filter((url) => !url.startsWith(system.url) && !url.startsWith('data:'))).toEqual([])
    expect(complaints).toEqual([])
  })
})
