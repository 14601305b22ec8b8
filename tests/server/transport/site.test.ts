import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { siteIn } from '../../../src/server/transport/site/files.js'
import { temporaryFolder } from '../../support/folder.js'
import { startSystem } from '../../support/system.js'

/** The site that is built, on a real controller, is in tests/docs/site.test.ts. */

function folderWith(list: object) {
  const folder = temporaryFolder('ogent-site-')
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text)
  write('site.json', JSON.stringify(list))
  return { ...folder, write, open: siteIn(pathToFileURL(`${folder.path}/`)) }
}

const html = 'text/html; charset=utf-8'

describe('the files of the guides', () => {
  test('are those that their list names, and no other', async () => {
    using folder = folderWith({ files: { 'index.html': 'abc' }, scripts: ['sha256-AbC+/='] })
    folder.write('index.html', 'hello')
    folder.write('secret.html', 'not listed')
    const site = await folder.open()
    expect(await site?.file('index.html')).toMatchObject({ type: html, etag: 'W/"abc"', lasting: false })
    for (const path of ['secret.html', 'site.json', '../index.html', './index.html', '', 'toString'])
      expect(await site?.file(path), path).toBeUndefined()
    expect(site?.policy).toContain("script-src 'self' 'sha256-AbC+/=';")
  })

  test.each(['../secret.html', 'a/../../secret.html', '/etc/passwd', 'a\\b', 'file:x'])(
    'are none when the list names %s',
    async (path) => {
      using folder = folderWith({ files: { [path]: 'abc' }, scripts: [] })
      await expect(folder.open()).rejects.toThrow()
    },
  )

  test('are none when a hash would end its rule of the policy', async () => {
    using folder = folderWith({ files: {}, scripts: ["sha256-a='; script-src *"] })
    await expect(folder.open()).rejects.toThrow()
  })

  test('are found when they are built after the first request', async () => {
    using folder = folderWith({ files: { 'index.html': 'abc' }, scripts: [] })
    rmSync(join(folder.path, 'site.json'))
    expect(await folder.open()).toBeUndefined()
    folder.write('site.json', JSON.stringify({ files: { 'a.txt': 'abc' }, scripts: [] }))
    folder.write('a.txt', 'a'.repeat(1000))
    const file = await (await folder.open())?.file('a.txt')
    expect(file?.body.length).toBe(1000)
    expect(file?.packed?.length).toBeLessThan(100)
  })

  test('are read once, and are missing only where they were when asked for', async () => {
    using folder = folderWith({ files: { 'a.txt': 'abc', 'gone.txt': 'def' }, scripts: [] })
    folder.write('a.txt', 'first')
    const site = await folder.open()
    expect(await site?.file('gone.txt')).toBeUndefined()
    expect(String((await site?.file('a.txt'))?.body)).toBe('first')
    rmSync(join(folder.path, 'a.txt'))
    expect(String((await site?.file('a.txt'))?.body)).toBe('first')
  })
})

test('a controller without the guides leads to the API, and says how they are built', async () => {
  await using system = await startSystem({ agent: false })
  const docs = await fetch(`${system.url}/docs/`, { redirect: 'manual' })
  expect([docs.status, docs.headers.get('location')]).toEqual([302, '/docs/api'])
  for (const path of ['/docs/settings.html', '/llms.txt', '/docs/llms.txt']) {
    const reply = await fetch(`${system.url}${path}`)
    expect(reply.status, path).toBe(404)
    expect(await reply.json()).toMatchObject({
      code: 'NOT_FOUND',
      detail: expect.stringContaining('npm run docs:site'),
    })
  }
})
