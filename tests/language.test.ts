import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readRepository, repository } from './support/samples.js'

/**
 * Words that hide who does what, or that are not what the field says. What a person reads here, in comments, messages and
 * guides, is plain technical English with a subject in each sentence.
 */
const banned = /\b(nobody|somebody|whoever|whatever|(?:is|are) told|takes up(?! to\b)|lets? go|he|his|him)\b/i

/** Lines that may have one of them, each with the reason. */
const allowed: { path: RegExp; line?: RegExp; because: string }[] = [
  {
    path: /^src\/guard\/rules\//,
    because: 'the sentences of risks: "nobody gets in" is the plain word there',
  },
  {
    path: /^docs\/(sdk|tour)\.md$/,
    line: /['/ ]nobody(['/ ]|$)/,
    because: 'a sample with an agent that is not there',
  },
]

function filesOf(folder: string, ending: RegExp): string[] {
  const names = readdirSync(`${repository}${folder}`, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => ending.test(name)).map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
}

function breachesIn(path: string, text: string): string[] {
  const lines = text.split('\n').map((line, at) => ({ line, place: `${path}:${at + 1}` }))
  return lines.flatMap(({ line, place }) => {
    const word = line.match(banned)?.[0]
    const may = allowed.some((one) => one.path.test(path) && (one.line?.test(line) ?? true))
    return word === undefined || may ? [] : [`${place} says "${word}": ${line.trim()}`]
  })
}

test('sources and guides say who does what, by the glossary', () => {
  const paths = [...filesOf('src', /\.ts$/), ...filesOf('docs', /\.md$/), 'README.md', 'CONTRIBUTING.md']
  expect(paths.length).toBeGreaterThan(300)
  expect(paths.flatMap((path) => breachesIn(path, readRepository(path)))).toEqual([])
})

test('the check finds a banned word, and passes over its like and over what is allowed', () => {
  expect(breachesIn('src/a.ts', '// Whoever asks is told.')).toEqual([
    'src/a.ts:1 says "Whoever": // Whoever asks is told.',
  ])
  expect(breachesIn('docs/a.md', 'plain\nThe agent takes up the command.')).toHaveLength(1)
  expect(breachesIn('src/a.ts', '// It takes up to 3 s; the header, the host.')).toEqual([])
  expect(breachesIn('docs/sdk.md', "await ogent.agents.get('nobody')")).toEqual([])
  expect(breachesIn('docs/sdk.md', 'Nobody knows.')).toHaveLength(1)
})
