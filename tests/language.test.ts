import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readRepository, repository } from './support/samples.js'

/**
 * Words that hide who does what, or that are not what the field says. What a person reads here, in comments, messages,
 * guides and titles of tests, is plain technical English with a subject in each sentence.
 */
const banned =
  /\b(nobody|somebody|everybody|anybody|whoever|whatever|(?:is|are) told|takes up(?! to\b)|lets? go|stands?(?! in\b)|what is there|the word of|he|his|him)\b/i

/** Lines that may have one of them, each with the reason. */
const allowed: { path: RegExp; line?: RegExp; because: string }[] = [
  {
    path: /^docs\/(sdk|tour)\.md$/,
    line: /['/ ]nobody(['/ ]|$)/,
    because: 'a sample with an agent that is not there',
  },
]

/**
 * The first argument of `test`, `it` and `describe`, of those with `.skipIf(…)`, `.each(…)` and the like too, where it is
 * a plain text. Not seen are titles that are kept in a constant, the rows of a table that `%s` shows, and the names that a
 * suite is called with.
 */
const title = /(?:(?<![.\w])(?:test|it|describe)(?:\.\w+)*|\))\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g

function filesOf(folder: string, ending: RegExp): string[] {
  const names = readdirSync(`${repository}${folder}`, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => ending.test(name)).map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
}

type Line = { text: string; number: number }

const linesOf = (text: string): Line[] => text.split('\n').map((line, at) => ({ text: line, number: at + 1 }))

function titlesOf(text: string): Line[] {
  return [...text.matchAll(title)].map((found) => ({
    text: found[2] ?? '',
    number: text.slice(0, found.index + found[0].length).split('\n').length,
  }))
}

function breachesIn(path: string, lines: Line[]): string[] {
  return lines.flatMap(({ text, number }) => {
    const word = text.match(banned)?.[0]
    const may = allowed.some((one) => one.path.test(path) && (one.line?.test(text) ?? true))
    return word === undefined || may ? [] : [`${path}:${number} says "${word}": ${text.trim()}`]
  })
}

test('sources and guides use no word that the glossary rules out', () => {
  const paths = [...filesOf('src', /\.ts$/), ...filesOf('docs', /\.md$/), 'README.md', 'CONTRIBUTING.md']
  expect(paths.length).toBeGreaterThan(300)
  expect(paths.flatMap((path) => breachesIn(path, linesOf(readRepository(path))))).toEqual([])
})

test('titles of tests use no word that the glossary rules out', () => {
  const files = filesOf('tests', /\.ts$/).map((path) => ({ path, titles: titlesOf(readRepository(path)) }))
  expect(files.flatMap(({ titles }) => titles).length).toBeGreaterThan(1400)
  expect(files.flatMap(({ path, titles }) => breachesIn(path, titles))).toEqual([])
})

test('the check finds such a word, and passes over similar ones and over what is allowed', () => {
  const breaches = (path: string, text: string) => breachesIn(path, linesOf(text))
  expect(breaches('src/a.ts', '// Whoever asks is told.')).toEqual([
    'src/a.ts:1 says "Whoever": // Whoever asks is told.',
  ])
  expect(breaches('docs/a.md', 'plain\nThe agent takes up the command.')).toHaveLength(1)
  expect(breaches('src/a.ts', '// A mark that stands for a secret.')).toHaveLength(1)
  expect(
    breaches('src/a.ts', '// It takes up to 3 s; the header, the host; it may stand in for one.'),
  ).toEqual([])
  expect(breaches('docs/sdk.md', "await ogent.agents.get('nobody')")).toEqual([])
  expect(breaches('docs/sdk.md', 'Nobody knows.')).toHaveLength(1)
})

test('the check finds the titles of a file, each with its line', () => {
  const file = [
    "describe.skipIf(needs('sh'))('a shell', () => {",
    '  test("is asked once", async () => {})',
    '  it.each([',
    "    ['one', 1],",
    "  ] as const)('gets %s', () => {})",
    '  test.each(rows)(',
    '    `gets all`,',
    '    () => {},',
    '  )',
    "  expect(/x/.test('no title')).toBe(false)",
  ]
  expect(titlesOf(file.join('\n'))).toEqual([
    { text: 'a shell', number: 1 },
    { text: 'is asked once', number: 2 },
    { text: 'gets %s', number: 5 },
    { text: 'gets all', number: 7 },
  ])
})
