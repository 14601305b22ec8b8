import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * A fenced block of a document, with what the comment above it says: `<!-- sample: name -->` is run, `reply` and `output`
 * are what the sample of that name gives (JSON of the same shape; text, with … for what varies), `shown` is neither, and
 * says why.
 */
export type Sample = {
  kind: (typeof kinds)[number] | 'unnamed'
  name: string
  language: string
  code: string
  line: number
}

const kinds = ['sample', 'reply', 'output', 'shown'] as const

export const repository = fileURLToPath(new URL('../../', import.meta.url))

export function readRepository(path: string): string {
  return readFileSync(`${repository}${path}`, 'utf8')
}

export function samplesOf(markdown: string): Sample[] {
  const block = /(?:^<!-- (sample|reply|output|shown): (\S.*?) -->\n)?^```(\w*)\n(.*?)^```$/gms
  return [...markdown.matchAll(block)].map(
    ({ 1: kind, 2: name = '', 3: language = '', 4: code = '', index }) => ({
      kind: kinds.find((one) => one === kind) ?? 'unnamed',
      name,
      language,
      code,
      line: markdown.slice(0, index).split('\n').length,
    }),
  )
}

/** The one block of that kind and name. */
export function sampleNamed(samples: Sample[], name: string, kind: Sample['kind'] = 'sample'): Sample {
  const [found, ...more] = samples.filter((sample) => sample.kind === kind && sample.name === name)
  if (!found || more.length > 0)
    throw new Error(`The document has ${found ? 'more than one' : 'no'} ${kind} ${name}.`)
  return found
}
