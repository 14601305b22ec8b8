import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pictureOf } from '../../packaging/picture/picture.js'
import { parseCast } from '../../packaging/picture/recording.js'
import { FRAME_SECONDS, type Frame, framesOf, textOf } from '../../packaging/picture/screens.js'
import { storyOfReadme } from '../../packaging/picture/story.js'
import { Browser, type OpenPage } from '../support/browser.js'
import { readRepository, repository } from '../support/samples.js'
import { needs } from '../support/services.js'

const PICTURE = 'docs/pictures/ogent.svg'
const svg = readRepository(PICTURE)
const cast = readRepository('packaging/picture/recording.cast')
const BYTES_AT_MOST = 150_000

/** What a terminal shows in a frame, row by row. */
function shownIn(frame: Frame | undefined): string[] {
  return frame?.rows.map(textOf) ?? []
}

describe('the picture of the README', () => {
  test('is drawn from the recording beside its script, and by nothing else', async () => {
    expect(await pictureOf(cast)).toBe(svg)
  })

  test('is bounded and has no script and nothing from elsewhere', () => {
    expect(Buffer.byteLength(svg)).toBeLessThan(BYTES_AT_MOST)
    expect(svg).not.toMatch(
      /<(script|foreignObject|image|use|a|link)\b|\son\w+=|href|url\(|@import|@font-face/i,
    )
    expect(svg.match(/\w+:\/\/[^"\s]+/g)).toEqual(['http://www.w3.org/2000/svg'])
  })

  test('names no folder and no address of the machine that it was made on', () => {
    const output = parseCast(cast).output.map(({ text }) => text)
    expect(output.join('')).not.toMatch(/\/(home|root|tmp|usr|var)\b|localhost|127\.0\.0\.1/)
  })

  test('has in its last frame each line that was typed, in this order', async () => {
    const shown = shownIn((await framesOf(parseCast(cast))).at(-1))
    const typed = shown.filter((row) => row.startsWith('$ ')).map((row) => row.slice(2))
    expect(typed).toEqual(storyOfReadme.steps.map(({ line }) => line))
  })

  test('has the words of its alternative text, and the commands of its caption', async () => {
    const [, alternative = '', caption = ''] =
      readRepository('README.md').match(/!\[([^\]]+)\]\(docs\/pictures\/ogent\.svg\)\n\n([\s\S]+?)\n\n/) ?? []
    expect(svg).toContain(`<title id="title">${alternative.replaceAll('\n', ' ')}</title>`)
    const commands = [...caption.matchAll(/`([^`]+)`/g)].map(([, command]) => command)
    expect(commands.length).toBeGreaterThan(3)
    const shown = shownIn((await framesOf(parseCast(cast))).at(-1)).join('\n')
    for (const command of commands) expect(shown).toContain(command)
  })
})

describe.skipIf(needs('chromium'))('a browser', () => {
  let browser: Browser
  let opened: OpenPage
  let frames: Frame[]
  beforeAll(async () => {
    frames = await framesOf(parseCast(cast))
    browser = await Browser.start()
    opened = await browser.open(pathToFileURL(`${repository}${PICTURE}`).href)
  })
  afterAll(() => browser?.[Symbol.asyncDispose]())

  test('finds the picture well-formed, and asks for nothing but it', async () => {
    expect(await opened.page.locator('parsererror').count()).toBe(0)
    expect(await opened.page.evaluate('document.documentElement.namespaceURI')).toBe(
      'http://www.w3.org/2000/svg',
    )
    expect({ ...opened, page: undefined }).toEqual({
      page: undefined,
      asked: [opened.page.url()],
      complaints: [],
    })
  })

  test('shows at each moment what the terminal showed then', async () => {
    expect(frames.length).toBeGreaterThan(100)
    const begin = frames[0]?.seconds ?? 0
    const moments = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1].map((part) => Math.round(part * (frames.length - 1)))
    for (const at of moments) {
      const seconds = (frames[at]?.seconds ?? 0) - begin + FRAME_SECONDS / 2
      expect(await visibleAt(opened, seconds), `frame ${at}`).toEqual(withoutBlanks(shownIn(frames[at])))
    }
  })

  test('shows the last frame, at rest, where motion is not wanted', async () => {
    const animations = () => opened.page.evaluate<number>('document.getAnimations().length')
    await opened.page.emulateMedia({ reducedMotion: 'reduce' })
    expect(await animations()).toBe(0)
    expect(await visibleAt(opened, 0)).toEqual(withoutBlanks(shownIn(frames.at(-1))))
    await opened.page.emulateMedia({ reducedMotion: 'no-preference' })
    expect(await animations()).toBeGreaterThan(10)
  })
})

/** The texts that are in the windows of their rows at a moment of the animation, in seconds; without blanks. */
async function visibleAt({ page }: OpenPage, seconds: number): Promise<string[]> {
  const rows = await page.evaluate<string[]>(`
    for (const animation of document.getAnimations()) {
      animation.pause()
      animation.currentTime = ${seconds * 1000}
    }
    Array.from(document.querySelectorAll('svg > svg'), (row) => {
      const top = Number(row.getAttribute('y'))
      const isVisible = (text) => {
        const { y, height } = text.getBoundingClientRect()
        return y + height / 2 > top && y + height / 2 < top + Number(row.getAttribute('height'))
      }
      return Array.from(row.querySelectorAll('text')).filter(isVisible).map((text) => text.textContent).join('')
    })`)
  return withoutBlanks(rows)
}

/** Rows as the texts in them, however far apart these are; without the rows that have none. */
function withoutBlanks(rows: string[]): string[] {
  return rows.map((row) => row.replaceAll(' ', '')).filter((row) => row !== '')
}
